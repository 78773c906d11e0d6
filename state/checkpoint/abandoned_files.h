// Which data files a fenced generation left behind in a table's directory. Pure: it only knows
// names, and says yes only where a file can't be in the table now or later.
#ifndef WEIR_STATE_CHECKPOINT_ABANDONED_FILES_H_
#define WEIR_STATE_CHECKPOINT_ABANDONED_FILES_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "model/data_file_name.h"
#include "model/plan.h"
#include "state/checkpoint/job_log.h"

namespace weir {

// The file that each writer of a generation opens next, as far as its manifests tell: `next` before
// `manifest` was published, the result after it. By writer, ascending.
std::vector<PlannedDataFile> NextDataFiles(const std::vector<PlannedDataFile>& next,
                                           const Manifest& manifest);

// The first file of every writer of every fenced generation that may have been left behind in the
// table of sink number `sink`. A writer numbers its files without gaps, so if this one isn't there,
// none is.
//
// `from`: only of this generation and later ones.
//
// None at all before the running generation has published a checkpoint of its own and all epochs
// of those before it are recorded as committed to the sink: until then files of theirs may be on
// their way into the table.
std::vector<PlannedDataFile> MayBeAbandoned(const JobLogState& log, int sink,
                                            Generation from = Generation());

// Of files `found` in the table's directory, those to be deleted: planned by a fenced generation
// of `job` behind the last one it published, in no retained manifest, and not `in_table`: names
// that the table's log knows all the same. Commits come from published manifests alone, so it knows
// none, unless the job's log is an older copy of what it was, or a person added the file by hand:
// lake/delta_checkpoint.h, FindInLog, says how far back that is looked for. In the order of
// `found`.
std::vector<std::string> AbandonedFiles(const JobId& job, const JobLogState& log, int sink,
                                        const std::vector<std::string>& found,
                                        const std::set<std::string>& in_table);

}  // namespace weir

#endif  // WEIR_STATE_CHECKPOINT_ABANDONED_FILES_H_
