// Local files of jobs, under <cache>/jobs/<job>: a folder per generation, gone with it, and one of
// state files, which outlives generations and the process.
#ifndef WEIR_WORKER_JOB_FILES_H_
#define WEIR_WORKER_JOB_FILES_H_

#include <set>
#include <string>
#include <system_error>

#include "absl/time/time.h"

namespace weir {

inline constexpr char kStateFolder[] = "state";

// Removes the generations' folders of all jobs in `jobs`: no generation outlives its process.
std::error_code RemoveGenerations(const std::string& jobs);
// Removes the files in `directory` whose names aren't in `keep`. What can't be removed stays.
void RemoveOtherFiles(const std::string& directory, const std::set<std::string>& keep);
// Removes the folders of jobs that aren't in `keep` and in which no file came or went for `age`.
void RemoveOldFolders(const std::string& jobs, const std::set<std::string>& keep,
                      absl::Duration age);

}  // namespace weir

#endif  // WEIR_WORKER_JOB_FILES_H_
