#include <utility>

#include "absl/strings/str_cat.h"
#include "base/blob_store.h"
#include "base/failpoint.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "lake/log_store.h"

namespace weir {
namespace {

constexpr std::string_view kFolder = "_delta_log/";

std::string BlobName(const std::string& name) { return absl::StrCat(AbslView(kFolder), name); }

class BlobLogStore : public LogStore {
 public:
  explicit BlobLogStore(std::shared_ptr<BlobStore> table) : table_(std::move(table)) {}

  absl::StatusOr<std::vector<std::string>> List(const std::string& after) override {
    WEIR_ASSIGN_OR_RETURN(const std::vector<BlobStore::Entry> entries,
                          table_->List(std::string(kFolder), BlobName(after)));
    std::vector<std::string> names;
    for (const BlobStore::Entry& entry : entries) {
      std::string name = entry.name.substr(kFolder.size());
      // Folders within, and temporary files of other writers, are nothing of the log.
      if (name.find('/') == std::string::npos && name[0] != '.') names.push_back(std::move(name));
    }
    return names;
  }

  absl::StatusOr<bool> Exists(const std::string& name) override {
    return DataFileExists(BlobName(name));
  }
  absl::StatusOr<std::string> Read(const std::string& name) override {
    return table_->Get(BlobName(name));
  }

  absl::Status PutIfAbsent(const std::string& name, std::string_view bytes) override {
    WEIR_RETURN_IF_ERROR(Failpoint("lake.before_log_put"));
    WEIR_RETURN_IF_ERROR(table_->PutIfAbsent(BlobName(name), bytes));
    if (const absl::Status lost = Failpoint("lake.after_log_put"); !lost.ok())
      return absl::UnknownError(lost.message());
    return absl::OkStatus();
  }

  absl::Status Replace(const std::string& name, std::string_view bytes) override {
    return table_->Replace(BlobName(name), bytes);
  }

  absl::StatusOr<bool> DataFileExists(const std::string& path) override {
    const absl::Status found = table_->Size(path).status();
    if (absl::IsNotFound(found)) return false;
    WEIR_RETURN_IF_ERROR(found);
    return true;
  }

 private:
  const std::shared_ptr<BlobStore> table_;
};

}  // namespace

std::unique_ptr<LogStore> MakeLogStore(std::shared_ptr<BlobStore> table) {
  return std::make_unique<BlobLogStore>(std::move(table));
}

}  // namespace weir
