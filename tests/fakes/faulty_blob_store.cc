#include "tests/fakes/faulty_blob_store.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace weir {
namespace {

// As object stores do it: the version follows from the content.
std::string VersionOf(std::string_view bytes) { return "version of " + std::string(bytes); }

}  // namespace

void FaultyBlobStore::PlanPuts(std::deque<PutFault> faults) {
  absl::MutexLock lock(&mutex_);
  faults_ = std::move(faults);
}

void FaultyBlobStore::FailGets(int count) {
  absl::MutexLock lock(&mutex_);
  failing_gets_ = count;
}

void FaultyBlobStore::DeliverLate() {
  absl::MutexLock lock(&mutex_);
  for (const Write& write : late_) Apply(write).IgnoreError();
  late_.clear();
}

void FaultyBlobStore::Overwrite(const std::string& name, std::string bytes) {
  absl::MutexLock lock(&mutex_);
  blobs_[name] = std::move(bytes);
}

std::map<std::string, std::string> FaultyBlobStore::Snapshot() {
  absl::MutexLock lock(&mutex_);
  return blobs_;
}

absl::Status FaultyBlobStore::PutIfAbsent(const std::string& name, std::string_view bytes) {
  return Conditional({name, std::string(bytes), std::nullopt});
}

absl::StatusOr<BlobStore::Versioned> FaultyBlobStore::GetVersioned(const std::string& name) {
  absl::StatusOr<std::string> bytes = Get(name);
  if (!bytes.ok()) return bytes.status();
  return Versioned{*bytes, VersionOf(*bytes)};
}

absl::StatusOr<std::string> FaultyBlobStore::PutIfVersion(const std::string& name,
                                                          std::string_view bytes,
                                                          const std::string& version) {
  const absl::Status status = Conditional({name, std::string(bytes), version});
  if (!status.ok()) return status;
  return VersionOf(bytes);
}

absl::Status FaultyBlobStore::Replace(const std::string& name, std::string_view bytes) {
  Overwrite(name, std::string(bytes));
  return absl::OkStatus();
}

absl::Status FaultyBlobStore::Conditional(Write write) {
  absl::MutexLock lock(&mutex_);
  PutFault fault = PutFault::kNone;
  if (!faults_.empty()) {
    fault = faults_.front();
    faults_.pop_front();
  }
  switch (fault) {
    case PutFault::kNone:
      return Apply(write);
    case PutFault::kUnavailable:
      return absl::UnavailableError("the store is down");
    case PutFault::kLost:
      return absl::UnknownError("the answer was lost");
    case PutFault::kDoneUnknown:
      Apply(write).IgnoreError();
      return absl::UnknownError("the answer was lost");
    case PutFault::kLate:
      late_.push_back(std::move(write));
      return absl::UnknownError("the answer was lost");
    case PutFault::kDenied:
      return absl::PermissionDeniedError(write.name);
  }
  return absl::InternalError("unknown fault");
}

absl::Status FaultyBlobStore::Apply(const Write& write) {
  if (!write.version.has_value()) {
    if (!blobs_.emplace(write.name, write.bytes).second)
      return absl::AlreadyExistsError(write.name);
    return absl::OkStatus();
  }
  const auto it = blobs_.find(write.name);
  if (it == blobs_.end() || VersionOf(it->second) != *write.version)
    return absl::AbortedError(write.name);
  it->second = write.bytes;
  return absl::OkStatus();
}

absl::Status FaultyBlobStore::PutFileIfAbsent(const std::string& name,
                                              const std::string& local_path) {
  std::ifstream in(local_path, std::ios::binary);
  if (!in) return absl::NotFoundError(local_path);
  return PutIfAbsent(name, std::string(std::istreambuf_iterator<char>(in), {}));
}

int FaultyBlobStore::gets() {
  absl::MutexLock lock(&mutex_);
  return gets_;
}

absl::StatusOr<std::string> FaultyBlobStore::Get(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  ++gets_;
  if (failing_gets_ > 0) {
    --failing_gets_;
    return absl::UnavailableError("the store is down");
  }
  const auto it = blobs_.find(name);
  if (it == blobs_.end()) return absl::NotFoundError(name);
  return it->second;
}

absl::StatusOr<int64_t> FaultyBlobStore::Size(const std::string& name) {
  absl::StatusOr<std::string> bytes = Get(name);
  if (!bytes.ok()) return bytes.status();
  return static_cast<int64_t>(bytes->size());
}

absl::Status FaultyBlobStore::GetToFile(const std::string& name, const std::string& local_path) {
  absl::StatusOr<std::string> bytes = Get(name);
  if (!bytes.ok()) return bytes.status();
  if (std::ifstream(local_path)) return absl::AlreadyExistsError(local_path);
  std::ofstream out(local_path, std::ios::binary);
  out.write(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  out.close();
  return out ? absl::OkStatus() : absl::UnavailableError(local_path);
}

absl::StatusOr<std::vector<BlobStore::Entry>> FaultyBlobStore::List(
    const std::string& prefix, const std::string& start_after) {
  absl::MutexLock lock(&mutex_);
  std::vector<Entry> entries;
  auto it = prefix > start_after ? blobs_.lower_bound(prefix) : blobs_.upper_bound(start_after);
  for (; it != blobs_.end() && absl::StartsWith(it->first, prefix); ++it) {
    entries.push_back({it->first, static_cast<int64_t>(it->second.size())});
  }
  return entries;
}

absl::Status FaultyBlobStore::Delete(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  blobs_.erase(name);
  return absl::OkStatus();
}

}  // namespace weir
