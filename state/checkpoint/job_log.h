// The durable record of a job (DESIGN section 8): blobs jobs/<job>/log/<20-digit n>, n from 1, each
// created only if absent. A job's state is the fold of its log.
//
// Now and then the fold itself is kept, as jobs/<job>/fold/<20-digit n>: what the records up to n
// amount to. Recovery begins with the newest one, so that older records can go.
#ifndef WEIR_STATE_CHECKPOINT_JOB_LOG_H_
#define WEIR_STATE_CHECKPOINT_JOB_LOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/data_file_name.h"
#include "model/ids.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace weir {

class BlobStore;

struct JobOrigin;

struct JobSpec {
  std::string name;
  std::string script;
  std::string lineage;  // UUID
  Plan plan;
  int64_t submitted_ms = 0;
  std::string request_id;
  bool append_to_existing = false;
  std::shared_ptr<const JobOrigin> origin;  // shared by copies of the spec; nullptr = none
};

// A published checkpoint, whole: recovery needs nothing else.
struct Manifest {
  Generation generation;
  CheckpointId checkpoint;  // 0 = the first, made before any row was read
  int64_t created_ms = 0;
  std::vector<PartitionPosition> positions;
  std::vector<OperatorState> states;
  std::vector<StagedFile> staged;          // this epoch commits them
  std::map<int, InsertCounters> counters;  // totals since the job began
  EventTime watermark = kMinEventTime;
  bool sources_finished = false;
  // Kept on request, until a DroppedSavepointRecord names its epoch. A flag of the checkpoint and
  // not a record of its own: it is kept from the moment it exists, or not at all.
  bool savepoint = false;
};

// The checkpoint of another job that a job goes on from: all that its start needs, so that a crash
// in the middle is followed by the same start again, whatever becomes of the other job.
struct JobOrigin {
  JobId job;
  std::string lineage;
  Epoch epoch;
  Manifest manifest;  // of that epoch, without staged files; state paths are of the other job
  // Data files up to `epoch` that the other job's log doesn't know to be in every table.
  struct Staged {
    Epoch epoch;
    StagedFile file;
  };
  std::vector<Staged> staged;
  bool restore_tables = false;         // roll back tables that hold later epochs
  std::vector<std::string> continued;  // sink ids: the other job wrote their tables, now we do
  std::vector<std::string> undone;     // lineages that went on from the other's, undone with it
};

struct StartedRecord {
  std::string coordinator;
  std::string reason;
  int parallelism = 0;
  // Set by the fold, not part of a record:
  int64_t at_ms = 0;  // when its record was written
  // Of the generation that it fenced, the file that each writer of data files would have opened
  // next: those from there on were never published. A writer that isn't here published none.
  std::vector<PlannedDataFile> fenced_files = {};
};

struct CommittedRecord {
  std::string sink;
  Epoch epoch;
  int64_t table_version = -1;
};

enum class JobEnd { kStopped, kCancelled, kFinished, kFailed };

struct EndedRecord {
  JobEnd how = JobEnd::kStopped;
  std::string reason;
};

// May follow the end.
struct DroppedSavepointRecord {
  Epoch epoch;
};

// Back to an older checkpoint: those after it are damaged. They hold no data files, so whatever
// they stood for is made again, and no table can tell.
struct RestoredRecord {
  Epoch epoch;
  std::string reason;
};

struct LogRecord {
  std::string id;  // random, of the writer's own
  int64_t written_ms = 0;
  std::variant<JobSpec, StartedRecord, Manifest, CommittedRecord, EndedRecord,
               DroppedSavepointRecord, RestoredRecord>
      body;
};

// What a job is, as far as its log says. Pure fold; see Apply.
struct JobLogState {
  int64_t tail = 0;  // number of the last record applied
  std::optional<JobSpec> spec;
  Generation generation;  // 0 until started
  int parallelism = 0;
  // Published checkpoints still needed: the last ones by retention, savepoints, and every one that
  // some sink has not committed. Oldest first.
  struct PublishedCheckpoint {
    Epoch epoch;
    Manifest manifest;
  };
  std::vector<PublishedCheckpoint> checkpoints;
  std::map<std::string, CommittedRecord> committed;       // by sink id, last
  std::vector<std::pair<int64_t, StartedRecord>> starts;  // record number, record; the last 20
  std::optional<EndedRecord> ended;
  int64_t last_written_ms = 0;
  Epoch last_epoch;         // the newest ever published
  Epoch dropped_epoch;      // the newest that is no longer in `checkpoints`
  int64_t restored_at = 0;  // number of the last RestoredRecord
  // As StartedRecord::fenced_files, of the current generation.
  std::vector<PlannedDataFile> next_files;
};

// Whether record number `n` may follow `state`; FAILED_PRECONDITION naming the rule when it may
// not: wrong number, no spec before it, after the end, a checkpoint of a generation that isn't the
// current one (a zombie's), one whose positions go back, COMMITTED of an epoch never published,
// STOPPED or FINISHED before the last commit; RESTORED over an epoch that holds data files or is no
// longer known.
absl::Status CanFollow(int64_t n, const LogRecord& record, const JobLogState& state);

// Applies record number `n` to `state`, or leaves `state` alone and says why as CanFollow does.
absl::Status Apply(int64_t n, const LogRecord& record, JobLogState* state);

// Whether a job may go on from the kept checkpoint `epoch` as if those after it had never been:
// only when none of them gave a table rows, which a restart would repeat. FAILED_PRECONDITION, a
// clause saying what is in the way.
absl::Status CanRestore(const JobLogState& state, Epoch epoch);

// Whether `manifest`, published as `epoch`, holds files that some sink has not committed as far as
// the log knows.
bool AwaitsCommit(Epoch epoch, const Manifest& manifest,
                  const std::map<std::string, CommittedRecord>& committed);

// Reads and writes a job's log. One thread at a time; calls block.
class JobLog {
 public:
  JobLog(BlobStore* blobs, JobId job);

  // Reads everything behind state->tail and applies it. NOT_FOUND when the log has no record at
  // all; DATA_LOSS naming the blob when a record can't be decoded or is missing, with `state` as it
  // was before that record. Starts from the newest readable fold when `state` is at the beginning,
  // or when records behind it were folded and removed meanwhile.
  absl::Status CatchUp(JobLogState* state);

  // Appends at state->tail + 1 and applies. An unknown outcome is retried with identical bytes and
  // read back. Errors:
  //   FAILED_PRECONDITION  the record can't follow (CanFollow); nothing was written
  //   ABORTED       another record exists there, or behind ours: somebody else acts for the job;
  //                 stop and re-read
  //   UNAVAILABLE   still unknown or impossible after bounded retries; nothing may be concluded.
  //                 The number is taken until the same record was appended or read there: the next
  //                 call must be with the same record.
  //   DATA_LOSS     what stands there can't be decoded
  absl::StatusOr<int64_t> Append(const LogRecord& record, JobLogState* state);

  // Keeps the fold of the records up to state.tail. Whoever gets there first wins: all would write
  // the same.
  absl::Status KeepFold(const JobLogState& state);
  // Deletes records and folds that nobody needs. A fold is old when its last record was written
  // before `before_ms`, or is at most `before_n`; everything up to the newest old fold but one
  // goes: should the newest be damaged, the one before it and the records between still tell all.
  // That is much longer ago than any process can be paused; one that was all the same finds a newer
  // fold when it appends, and stops. So a wrong clock costs space or a slower takeover, never a
  // record.
  absl::Status RemoveFolded(int64_t before_ms, int64_t before_n);

 private:
  // Sets `state` to the newest fold that can be read, or leaves it alone when there is none.
  // DATA_LOSS when there are only damaged ones.
  absl::Status LoadFold(JobLogState* state);
  // CatchUp without the second look. `missing`: the record that wasn't there or couldn't be read.
  absl::Status ReadOn(JobLogState* state, int64_t* missing);

  BlobStore* const blobs_;
  const JobId job_;
};

// How often Append tries before it gives up for now; it never waits in between.
inline constexpr int kAppendAttempts = 3;

// Name of record `n` of `job` in the blob store.
std::string LogRecordName(const JobId& job, int64_t n);

// Name of the fold of records up to `n`.
std::string LogFoldName(const JobId& job, int64_t n);

// All jobs that have a log.
absl::StatusOr<std::vector<JobId>> ListJobs(BlobStore* blobs);

// Bytes of a record; format in proto/weir/v1/checkpoint.proto plus a checksum trailer.
std::string EncodeLogRecord(const LogRecord& record);
// DATA_LOSS when the bytes are torn, altered or of a newer format.
absl::StatusOr<LogRecord> DecodeLogRecord(std::string_view bytes);
// Likewise for a fold.
std::string EncodeFold(const JobLogState& state);
absl::StatusOr<JobLogState> DecodeFold(std::string_view bytes);

}  // namespace weir

#endif  // WEIR_STATE_CHECKPOINT_JOB_LOG_H_
