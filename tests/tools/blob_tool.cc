// Drives a blob store for the integration tests: one JSON request a line on stdin, one JSON answer
// a line on stdout. Credentials and endpoint come from the environment, as for `weir` itself.
//
//   {"do": "open", "uri": U}
//   {"do": "open", "uri": U, "part_bytes": N, "attempt_ms": N, "hurry": N}
//       s3:// only; waits between attempts are divided by the last
//   {"do": "put" | "replace", "name": N, "bytes": B}
//   {"do": "swap", "name": N, "bytes": B, "version": V}             PutIfVersion
//   {"do": "put_file" | "get_to_file", "name": N, "path": P}
//   {"do": "get" | "delete", "name": N}
//   {"do": "list", "prefix": P, "after": A}
//   {"do": "race", "name": N, "writers": W, "version": V}           all at once; creates without V
//
// Answers: {"code": "OK", ...} or {"code": "ABORTED", "message": "..."}.
#include <atomic>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/aws_credentials.h"
#include "base/blob_store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/s3_blob_store.h"
#include "base/status_macros.h"

namespace weir {
namespace {

using Json = nlohmann::json;

class Tool {
 public:
  absl::StatusOr<Json> Do(const Json& request) {
    const std::string what = request.at("do");
    if (what == "open") return Open(request);
    if (what == "list") return List(request);
    const std::string name = request.at("name");
    if (what == "put") return Empty(store_->PutIfAbsent(name, Bytes(request)));
    if (what == "replace") return Empty(store_->Replace(name, Bytes(request)));
    if (what == "put_file") return Empty(store_->PutFileIfAbsent(name, request.at("path")));
    if (what == "get_to_file") return Empty(store_->GetToFile(name, request.at("path")));
    if (what == "delete") return Empty(store_->Delete(name));
    if (what == "race") return Race(name, request);
    if (what == "swap") {
      WEIR_ASSIGN_OR_RETURN(const std::string version,
                            store_->PutIfVersion(name, Bytes(request), request.at("version")));
      return Json{{"version", version}};
    }
    WEIR_CHECK(what == "get", what);
    WEIR_ASSIGN_OR_RETURN(const BlobStore::Versioned blob, store_->GetVersioned(name));
    return Json{{"bytes", blob.bytes}, {"version", blob.version}};
  }

 private:
  static std::string Bytes(const Json& request) { return request.at("bytes"); }
  static absl::StatusOr<Json> Empty(const absl::Status& status) {
    WEIR_RETURN_IF_ERROR(status);
    return Json::object();
  }

  absl::StatusOr<Json> Open(const Json& request) {
    const std::string uri = request.at("uri");
    if (request.size() == 2) {
      WEIR_ASSIGN_OR_RETURN(store_, OpenBlobStore(uri));
      return Json::object();
    }
    S3StoreParts parts;
    parts.clock = SystemClock();
    parts.random = SystemRandom();
    const int64_t hurry = request.value("hurry", 1);
    parts.sleep = [hurry](int64_t us) { absl::SleepFor(absl::Microseconds(us / hurry)); };
    parts.part_bytes = request.value("part_bytes", parts.part_bytes);
    parts.attempt_timeout_ms = request.value("attempt_ms", parts.attempt_timeout_ms);
    WEIR_ASSIGN_OR_RETURN(store_, OpenS3BlobStore(uri, ProcessEnvironment(), std::move(parts)));
    return Json::object();
  }

  absl::StatusOr<Json> List(const Json& request) {
    WEIR_ASSIGN_OR_RETURN(const auto entries,
                          store_->List(request.at("prefix"), request.value("after", "")));
    Json listed = Json::array();
    for (const BlobStore::Entry& entry : entries) listed.push_back({entry.name, entry.size});
    return Json{{"entries", listed}};
  }

  absl::StatusOr<Json> Race(const std::string& name, const Json& request) {
    const int writers = request.at("writers");
    std::vector<std::string> codes(writers);
    std::atomic<int> waiting{writers};
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i) {
      threads.emplace_back([&, i] {
        const std::string bytes = absl::StrCat("writer ", i);
        for (--waiting; waiting > 0;) std::this_thread::yield();
        const absl::Status status =
            request.contains("version")
                ? store_->PutIfVersion(name, bytes, request.at("version")).status()
                : store_->PutIfAbsent(name, bytes);
        codes[i] = absl::StatusCodeToString(status.code());
      });
    }
    for (std::thread& thread : threads) thread.join();
    return Json{{"codes", codes}};
  }

  std::unique_ptr<BlobStore> store_;
};

}  // namespace
}  // namespace weir

int main() {
  weir::Tool tool;
  for (std::string line; std::getline(std::cin, line);) {
    const absl::StatusOr<nlohmann::json> done = tool.Do(nlohmann::json::parse(line));
    nlohmann::json answer = done.ok() ? *done : nlohmann::json::object();
    answer["code"] = absl::StatusCodeToString(done.status().code());
    if (!done.ok()) answer["message"] = std::string(done.status().message());
    std::cout << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  }
}
