#include "worker/job_files.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace weir {
namespace {

namespace fs = std::filesystem;

}  // namespace

std::error_code RemoveGenerations(const std::string& jobs) {
  std::error_code failed;
  for (const fs::directory_entry& job : fs::directory_iterator(jobs, failed)) {
    std::error_code no_folder;
    for (const fs::directory_entry& entry : fs::directory_iterator(job.path(), no_folder)) {
      if (entry.path().filename() != kStateFolder) fs::remove_all(entry.path(), failed);
      if (failed) return failed;
    }
  }
  return failed;
}

void RemoveOtherFiles(const std::string& directory, const std::set<std::string>& keep) {
  std::error_code ignored;
  for (const fs::directory_entry& file : fs::directory_iterator(directory, ignored)) {
    std::error_code failed;
    if (!keep.contains(file.path().filename())) fs::remove(file.path(), failed);
  }
}

void RemoveOldFolders(const std::string& jobs, const std::set<std::string>& keep,
                      absl::Duration age) {
  const auto youngest = fs::file_time_type::clock::now() - absl::ToChronoNanoseconds(age);
  std::error_code ignored;
  for (const fs::directory_entry& job : fs::directory_iterator(jobs, ignored)) {
    if (keep.contains(job.path().filename())) continue;
    std::error_code failed;
    const auto changed = std::max(fs::last_write_time(job.path(), failed),
                                  fs::last_write_time(job.path() / kStateFolder, failed));
    if (changed < youngest) fs::remove_all(job.path(), failed);
  }
}

}  // namespace weir
