#include "cli/status_page.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/api_json.h"
#include "cli/embedded_files.h"
#include "coordinator/api_error.h"
#include "coordinator/coordinator.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kJobs[] = "/api/v1/jobs";

HttpResponse JsonResponse(int status, const Json& json) {
  // Texts of outside origin may hold any bytes.
  return {status, "application/json",
          json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

int HttpStatusOf(const absl::Status& status) {
  if (absl::IsNotFound(status)) return 404;
  if (absl::IsUnavailable(status)) return 503;
  if (absl::IsDeadlineExceeded(status)) return 504;
  return 500;
}

HttpResponse ErrorResponse(const absl::Status& status) {
  Json error = {{"reason", ApiReason(status)},
                {"message", std::string(status.message())},
                {"leader", ApiLeader(status)}};
  return JsonResponse(HttpStatusOf(status), Json{{"error", std::move(error)}});
}

std::optional<PageQuestion> QuestionOf(absl::string_view path) {
  if (path == "/api/v1/cluster") return PageQuestion{PageQuestion::What::kCluster, "", false};
  if (path == "/api/v1/workers") return PageQuestion{PageQuestion::What::kWorkers, "", false};
  if (path == kJobs) return PageQuestion{PageQuestion::What::kJobs, "", false};
  if (!absl::ConsumePrefix(&path, absl::StrCat(kJobs, "/")) || path.empty() ||
      absl::StrContains(path, "/")) {
    return std::nullopt;
  }
  return PageQuestion{PageQuestion::What::kJob, std::string(path), false};
}

}  // namespace

std::function<HttpResponse(const HttpRequest&)> StatusPages(const Coordinator& coordinator) {
  return [&coordinator](const HttpRequest& request) {
    if (const EmbeddedFile* file = FindEmbeddedFile(request.path); file != nullptr) {
      return HttpResponse{200, std::string(file->content_type), std::string(file->body)};
    }
    std::optional<PageQuestion> question = QuestionOf(request.path);
    if (!question) return HttpResponse{.status = 404, .body = ""};
    question->samples = coordinator.MaySeeRows(BearerOf(request.caller.authorization));
    HttpResponse response;
    const absl::Status shown =
        coordinator.Show(*question, [&response](const google::protobuf::Message& message) {
          response = JsonResponse(200, ToJson(message));
        });
    return shown.ok() ? response : ErrorResponse(shown);
  };
}

std::string BearerOf(const std::string& authorization) {
  absl::string_view encoded = authorization;
  std::string pair;
  if (encoded.size() < 6 || !absl::EqualsIgnoreCase(encoded.substr(0, 6), "Basic ")) {
    return authorization;
  }
  encoded.remove_prefix(6);
  if (!absl::Base64Unescape(encoded, &pair)) return authorization;
  const size_t colon = pair.find(':');
  if (colon == std::string::npos) return authorization;
  return absl::StrCat("Bearer ", pair.substr(colon + 1));
}

}  // namespace weir
