// Classic checkpoints of a Delta log (PROTOCOL.md, "Checkpoints"): all actions that make up a
// version in one Parquet file, one action a row, one struct column per kind of action.
#ifndef WEIR_LAKE_PARQUET_CHECKPOINT_H_
#define WEIR_LAKE_PARQUET_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lake/delta_actions.h"

namespace weir {

struct DeltaState;

// Reads all but the files of one part into *state, reading only the columns it takes.
// FAILED_PRECONDITION when it is of the v2 kind, whatever its name.
absl::Status ReadCheckpointState(const std::string& bytes, DeltaState* state);

// Calls `each` for every file of one part, a row group in memory at a time.
absl::Status ReadCheckpointFiles(const std::string& bytes,
                                 const std::function<absl::Status(DeltaFileAction)>& each);

// Open → AddState, AddFile* → Finish, once.
class CheckpointWriter {
 public:
  virtual ~CheckpointWriter() = default;
  virtual absl::Status AddState(const DeltaState& state) = 0;
  virtual absl::Status AddFile(const DeltaFileAction& file) = 0;
  // The bytes of the file.
  virtual absl::StatusOr<std::string> Finish() = 0;
  virtual int64_t actions() const = 0;
};
absl::StatusOr<std::unique_ptr<CheckpointWriter>> OpenCheckpointWriter();

}  // namespace weir

#endif  // WEIR_LAKE_PARQUET_CHECKPOINT_H_
