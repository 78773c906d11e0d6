// The durable record of a job (DESIGN section 8): blobs jobs/<job>/log/<20-digit n>, n from 1, each
// created only if absent. A job's state is the fold of its log.
//
// Now and then the fold itself is kept, as jobs/<job>/fold/<20-digit n>: what the records up to n
// amount to. Recovery begins with the newest one, so that older records can go.
#ifndef WEIR_STATE_CHECKPOINT_JOB_LOG_H_
#define WEIR_STATE_CHECKPOINT_JOB_LOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/ids.h"
#include "model/plan.h"
#include "model/snapshot.h"

namespace weir {

class BlobStore;

struct JobSpec {
  std::string name;
  std::string script;
  std::string lineage;  // UUID
  Plan plan;
  int64_t submitted_ms = 0;
  std::string request_id;
  bool append_to_existing = false;
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
};

struct StartedRecord {
  std::string coordinator;
  std::string reason;
  int parallelism = 0;
  int64_t at_ms = 0;  // when its record was written; set by the fold, not stored again
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

struct LogRecord {
  std::string id;  // random, of the writer's own
  int64_t written_ms = 0;
  std::variant<JobSpec, StartedRecord, Manifest, CommittedRecord, EndedRecord> body;
};

// What a job is, as far as its log says. Pure fold; see Apply.
struct JobLogState {
  int64_t tail = 0;  // number of the last record applied
  std::optional<JobSpec> spec;
  Generation generation;  // 0 until started
  int parallelism = 0;
  // Published checkpoints still needed: the last ones by retention, and every one that some sink
  // has not committed. Oldest first.
  struct PublishedCheckpoint {
    Epoch epoch;
    Manifest manifest;
  };
  std::vector<PublishedCheckpoint> checkpoints;
  std::map<std::string, CommittedRecord> committed;       // by sink id, last
  std::vector<std::pair<int64_t, StartedRecord>> starts;  // record number, record; the last 20
  std::optional<EndedRecord> ended;
  int64_t last_written_ms = 0;
};

// Whether record number `n` may follow `state`; FAILED_PRECONDITION naming the rule when it may
// not: wrong number, no spec before it, after the end, a checkpoint of a generation that isn't the
// current one (a zombie's), one whose positions go back, COMMITTED of an epoch never published,
// STOPPED or FINISHED before the last commit.
absl::Status CanFollow(int64_t n, const LogRecord& record, const JobLogState& state);

// Applies record number `n` to `state`, or leaves `state` alone and says why as CanFollow does.
absl::Status Apply(int64_t n, const LogRecord& record, JobLogState* state);

// Whether `manifest`, published as `epoch`, holds files that some sink has not committed as far as
// the log knows.
bool AwaitsCommit(Epoch epoch, const Manifest& manifest,
                  const std::map<std::string, CommittedRecord>& committed);

// Reads and writes a job's log. One thread at a time; calls block.
class JobLog {
 public:
  JobLog(BlobStore* blobs, JobId job);

  // Reads everything behind state->tail and applies it. NOT_FOUND when the log has no record at
  // all; DATA_LOSS naming the blob when a record can't be decoded or is missing. A `state` at the
  // beginning starts from the newest fold.
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
  // Deletes records and folds that nobody needs: those before the newest fold whose last record was
  // written before `before_ms`. That is much longer ago than any process can be paused; one that
  // was all the same finds a newer fold when it appends, and stops.
  absl::Status RemoveFolded(int64_t before_ms);

 private:
  // Sets `state` to the newest fold, or leaves it alone when there is none.
  absl::Status LoadFold(JobLogState* state);

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
