#include "coordinator/doctor.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/blob_store.h"
#include "base/byte_size.h"
#include "base/duration.h"
#include "base/http_client.h"
#include "base/random.h"
#include "base/s3_options.h"
#include "base/status_macros.h"

namespace weir {
namespace {

using Level = Finding::Level;

// Checkpoints' ages, tokens and certificates are judged by clocks; S3 refuses requests beyond 15
// minutes.
constexpr int64_t kSkewWarningUs = 2'000'000;
constexpr int64_t kSkewProblemUs = 60'000'000;
// RocksDB keeps the state files of each task open, and every peer is a connection.
constexpr int64_t kOpenFilesWarning = 4'096;
constexpr int64_t kOpenFilesProblem = 1'024;
// What tables in object stores stage, and what state spills, beside other users of the disk.
constexpr int64_t kDiskFreeWarning = int64_t{4} << 30;
constexpr int64_t kDiskFreeProblem = int64_t{1} << 30;
// --memory bounds the resident set within 10 %.
constexpr double kMemoryShareMax = 0.9;
constexpr int64_t kDayS = 86'400;
constexpr int64_t kExpiryWarningS = 14 * kDayS;
constexpr int64_t kHeadTimeoutMs = 5'000;

Finding Make(Level level, std::string check, const std::string& subject, std::string message,
             std::string fix = "") {
  return {level, std::move(check), subject, std::move(message), std::move(fix)};
}

std::string Seconds(int64_t micros) { return FormatDuration(std::abs(micros)); }

}  // namespace

Finding JudgeClock(const std::string& subject, int64_t ahead_us) {
  const int64_t skew_us = std::abs(ahead_us);
  if (skew_us <= kSkewWarningUs) {
    return Make(Level::kOk, "clock", subject, absl::StrCat("within ", Seconds(kSkewWarningUs)));
  }
  return Make(skew_us > kSkewProblemUs ? Level::kProblem : Level::kWarning, "clock", subject,
              absl::StrCat(Seconds(ahead_us), ahead_us > 0 ? " ahead of" : " behind",
                           " the coordinator's clock"),
              "let a time service (chrony, systemd-timesyncd) keep the clocks of all machines; no "
              "row depends on them, but ages, tokens, certificates and S3 requests do");
}

Finding JudgeOpenFiles(const std::string& subject, int64_t open_files_max) {
  const std::string message = absl::StrCat("may open ", open_files_max, " files");
  if (open_files_max == 0 || open_files_max >= kOpenFilesWarning) {
    return Make(Level::kOk, "files", subject,
                open_files_max == 0 ? "the limit of open files is not known" : message);
  }
  return Make(open_files_max < kOpenFilesProblem ? Level::kProblem : Level::kWarning, "files",
              subject, message,
              "start it with `ulimit -n 65536`, LimitNOFILE=65536 in its systemd unit, or the "
              "container engine's limit");
}

Finding JudgeDisk(const std::string& subject, int64_t free_bytes, int64_t bytes) {
  if (bytes == 0) return Make(Level::kOk, "disk", subject, "the disk of --cache is not known");
  const std::string message = absl::StrCat(FormatByteSize(free_bytes), " of ",
                                           FormatByteSize(bytes), " are free for --cache");
  if (free_bytes >= kDiskFreeWarning) return Make(Level::kOk, "disk", subject, message);
  return Make(free_bytes < kDiskFreeProblem ? Level::kProblem : Level::kWarning, "disk", subject,
              message,
              "free space, or move --cache to a larger disk: it holds state beyond --memory and "
              "files on their way to object stores");
}

Finding JudgeMemory(const std::string& subject, int64_t memory_bytes, int64_t limit_bytes) {
  if (limit_bytes == 0) {
    return Make(Level::kOk, "memory", subject, "the limit of its memory is not known");
  }
  const std::string message = absl::StrCat("--memory is ", FormatByteSize(memory_bytes), " of ",
                                           FormatByteSize(limit_bytes), " that it may use");
  if (static_cast<double>(memory_bytes) <= kMemoryShareMax * static_cast<double>(limit_bytes)) {
    return Make(Level::kOk, "memory", subject, message);
  }
  return Make(memory_bytes > limit_bytes ? Level::kProblem : Level::kWarning, "memory", subject,
              message,
              "give it at most 80 % of the container's or the machine's memory (the default), or "
              "the kernel will end it");
}

Finding JudgeCertificate(const std::string& subject, int64_t expires_s, int64_t now_s) {
  if (expires_s == 0) return Make(Level::kOk, "certificate", subject, "it uses none");
  const int64_t left_s = expires_s - now_s;
  const std::string until =
      absl::FormatTime("%E4Y-%m-%d %H:%MZ", absl::FromUnixSeconds(expires_s), absl::UTCTimeZone());
  if (left_s > kExpiryWarningS) {
    return Make(Level::kOk, "certificate", subject, absl::StrCat("valid until ", until));
  }
  return Make(left_s <= 0 ? Level::kProblem : Level::kWarning, "certificate", subject,
              absl::StrCat(left_s <= 0 ? "expired at " : "expires at ", until),
              "replace the files of --tls-cert and --tls-key by rename; no restart is needed");
}

Finding JudgeVersion(const std::string& subject, const std::string& version,
                     const std::string& coordinator) {
  if (version == coordinator) return Make(Level::kOk, "version", subject, version);
  return Make(Level::kWarning, "version", subject,
              absl::StrCat(version, ", and the coordinator is ", coordinator),
              "finish the upgrade: all processes and the command line in one version");
}

namespace {

// The first thing that isn't as it must be; OK otherwise.
absl::Status TryStore(BlobStore* store, const std::string& name, const std::string& unique) {
  const auto wrong = [](const std::string& what, const absl::Status& status) {
    return absl::Status(status.ok() ? absl::StatusCode::kFailedPrecondition : status.code(),
                        absl::StrCat(what, status.ok() ? "" : ": ", status.message()));
  };
  if (const auto put = store->PutIfAbsent(name, unique); !put.ok()) {
    return wrong("it can't be written", put);
  }
  if (const auto again = store->PutIfAbsent(name, "other"); !absl::IsAlreadyExists(again)) {
    return wrong("of two that create a name, both succeed (If-None-Match is ignored)", again);
  }
  const absl::StatusOr<BlobStore::Versioned> read = store->GetVersioned(name);
  if (!read.ok()) return wrong("it can't be read", read.status());
  if (read->bytes != unique) return wrong("it returns other bytes than were written", {});
  if (const auto put = store->PutIfVersion(name, unique + "2", read->version); !put.ok()) {
    return wrong("a record can't be changed", put.status());
  }
  if (const auto stale = store->PutIfVersion(name, unique + "3", read->version);
      !absl::IsAborted(stale.status())) {
    return wrong("a record that has changed is overwritten (If-Match is ignored)", stale.status());
  }
  const auto listed = store->List(name, "");
  if (!listed.ok()) return wrong("it can't be listed", listed.status());
  if (listed->size() != 1) return wrong("a listing lacks what was written", {});
  if (const auto gone = store->Delete(name); !gone.ok()) {
    return wrong("nothing can be deleted", gone);
  }
  return absl::OkStatus();
}

}  // namespace

Finding CheckStore(BlobStore* store, Random* random, const std::string& subject) {
  const std::string unique = MakeUuid(*random);
  const std::string name = absl::StrCat("doctor/", unique);
  const absl::Status tried = TryStore(store, name, unique);
  if (tried.ok()) {
    return Make(Level::kOk, "store", subject,
                "reads, writes, lists, deletes, and keeps conditions of writes");
  }
  store->Delete(name).IgnoreError();
  const std::string fix =
      absl::IsFailedPrecondition(tried)
          ? "use a store with conditional writes: a local directory, Amazon S3, or MinIO since 2024"
      : absl::IsUnavailable(tried) || absl::IsUnknown(tried)
          ? "see that the store runs and can be reached from the coordinator"
          : "let the coordinator's account get, put, list and delete below --data";
  return Make(Level::kProblem, "store", subject, std::string(tried.message()), fix);
}

absl::StatusOr<int64_t> StoreWallMicros(const std::string& data_uri) {
  if (!absl::StartsWith(data_uri, "s3://")) return absl::NotFoundError("a directory has no clock");
  WEIR_ASSIGN_OR_RETURN(const S3Location location, ParseS3Uri(data_uri));
  WEIR_ASSIGN_OR_RETURN(const S3Endpoint endpoint,
                        S3EndpointFrom(ProcessEnvironment(), location.bucket));
  HttpClientOptions options;
  options.ca_file = endpoint.ca_file;
  HttpRequest request;
  request.method = "HEAD";
  request.url = absl::StrCat(endpoint.Url(), "/");
  request.timeout_ms = kHeadTimeoutMs;
  // Refused without a signature, but with a date.
  WEIR_ASSIGN_OR_RETURN(const HttpReply reply, MakeHttpClient(options)->Do(request));
  absl::Time time;
  std::string error;
  if (!absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", reply.Header("date"), &time, &error)) {
    return absl::NotFoundError("the store's answers have no date");
  }
  return absl::ToUnixMicros(time);
}

}  // namespace weir
