// The physical plan: what `sql/` makes of a script, what travels to workers (model/wire.h) and what
// the job log keeps. Pure values.
//
// A plan is a graph of vertices. A vertex is a fused chain (or tree) of operators that one task
// runs; edges between vertices move rows by key group. Example, the user-activity job:
//
//   vertex 0 "user_transactions":  source → filter/project → partial_aggregate ─┐ edge, hash
//   vertex 1 "activity":           ← final_aggregate → project → sink           ┘
#ifndef WEIR_MODEL_PLAN_H_
#define WEIR_MODEL_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/event_time.h"
#include "model/expr.h"
#include "model/types.h"

namespace weir {

// What an edge may carry: only inserts; current values by key; or inserts and their retractions.
enum class EdgeKind { kAppend, kUpsert, kRetract };

enum class BadRowPolicy { kFail, kSkip, kDeadLetter };
enum class TimestampUnit { kNone, kMillis, kMicros, kSeconds };

// Where a source starts when no checkpoint says otherwise.
struct StartPosition {
  enum class Kind { kEarliest, kLatest, kTimestamp };
  Kind kind = Kind::kEarliest;
  int64_t timestamp_ms = 0;  // kTimestamp: first record at or after it
};

// Names of the pseudo-columns a Kafka source can add: _partition INTEGER, _offset BIGINT,
// _timestamp TIMESTAMPTZ, _key BYTEA. Part of SourceSpec::output only when the query reads them.
inline constexpr char kPartitionColumn[] = "_partition";
inline constexpr char kOffsetColumn[] = "_offset";
inline constexpr char kTimestampColumn[] = "_timestamp";
inline constexpr char kKeyColumn[] = "_key";

struct KafkaSpec {
  std::string brokers;  // "host:port,host:port"; "dev" = the broker of `weir dev --kafka`
  std::string topic;
  StartPosition start;
  bool stop_at_latest = false;
  std::map<std::string, std::string>
      properties;  // allow-listed security settings, librdkafka names
};

struct SourceOp {
  std::string table;  // name in SQL
  KafkaSpec kafka;
  Schema declared;  // all columns of CREATE TABLE
  // Columns the source decodes and emits, in this order: names of `declared` (with their types and
  // nullability) and pseudo-columns. Contains every column that the job reads and every NOT NULL
  // one.
  Schema output;
  int event_time_column = -1;  // in `output`; -1 = no event time, no watermarks
  int64_t watermark_bound_us = 0;
  int64_t idle_timeout_us = 30'000'000;
  int64_t max_future_us = 86'400'000'000;
  int64_t max_drift_us = 3'600'000'000;
  TimestampUnit timestamp_unit = TimestampUnit::kNone;
};

struct FilterOp {
  Expr predicate;  // keeps rows where it is TRUE
};

struct ProjectOp {
  std::vector<Expr> exprs;  // one per output column
};

enum class AggregateKind {
  kCountStar,
  kCount,
  kCountDistinct,
  kSum,
  kAvg,
  kMin,
  kMax,
  kStddevSamp,
  kVarSamp,
  kBoolAnd,
  kBoolOr
};

struct AggregateCall {
  AggregateKind kind = AggregateKind::kCountStar;
  int argument = -1;  // column of the partial aggregate's input; -1 for count(*)
  DataType argument_type;
  int filter = -1;       // boolean column of the input: FILTER (WHERE ...); -1 = none
  DataType result_type;  // count → bigint, sum(bigint) → numeric(38,0), ...
  friend bool operator==(const AggregateCall&, const AggregateCall&) = default;
};

// Windows [origin + k*slide, origin + k*slide + size); tumble has slide == size.
struct WindowSpec {
  int64_t size_us = 0;
  int64_t slide_us = 0;
  int64_t origin_us = 0;
  // The pane: windows are unions of panes [origin + k*pane, ...).
  int64_t pane_us() const;
  friend bool operator==(const WindowSpec&, const WindowSpec&) = default;
};

// Both halves of a windowed aggregation share this.
struct AggregateSpec {
  std::string state_id;  // structural fingerprint: names the state across restarts and upgrades
  WindowSpec window;
  int time_column = -1;          // in the partial's input
  std::vector<int> key_columns;  // in the partial's input; may be empty (one group per window)
  Schema keys;                   // names and types of the key columns
  std::vector<AggregateCall> aggregates;
  // Columns of the partial's input that travel with raw rows for the late side table; empty when
  // late rows are only counted. Ends with _partition and _offset.
  std::vector<int> late_columns;
  Schema late;  // their names and types
};

// Source side: keeps a partial table per pane; emits partials by key group (see
// operators/window/partial_format.h).
struct PartialAggregateOp {
  AggregateSpec spec;
};

// Owner side: merges partials, judges lateness, fires closed windows.
// Output port 0: window_start timestamptz, window_end timestamptz, keys..., aggregates...
// Output port 1: late rows: `late` columns, _watermark timestamptz, _delay_ms bigint.
struct FinalAggregateOp {
  AggregateSpec spec;
};

// Writes its input as data files of Plan::sinks[sink].
struct SinkOp {
  int sink = 0;
};

// Port 1 of SourceOp, FilterOp, ProjectOp, PartialAggregateOp and, in a source's vertex, of a
// SinkOp whose table has NOT NULL columns emits bad rows in this layout (when the policy is
// kDeadLetter): topic text, partition integer, offset bigint, key bytea, payload bytea, error text,
// received_at timestamptz.
Schema DeadLetterSchema();

// An input of an operator: port `port` of operator `op` of the same vertex, or (op == -1) the
// vertex's input edge number `port`.
struct OperatorInput {
  int op = -1;
  int port = 0;
};

struct OperatorSpec {
  std::string id;    // structural fingerprint, unique in the plan
  std::string name;  // for people: "project", "final_aggregate"
  std::variant<SourceOp, FilterOp, ProjectOp, PartialAggregateOp, FinalAggregateOp, SinkOp> op;
  std::vector<OperatorInput> inputs;  // empty for a source; several for a sink fed by branches
  Schema output;                      // of port 0
  // Which INSERT the operator serves (index into Plan::inserts); -1 = shared by several (a source).
  int insert = -1;
  // What happens to rows that fail here (the policy of the source below).
  BadRowPolicy on_bad_row = BadRowPolicy::kFail;
};

struct VertexSpec {
  std::string id;  // structural fingerprint
  std::string name;
  std::vector<OperatorSpec> operators;  // in topological order
  bool has_source() const;
};

struct EdgeSpec {
  int from_vertex = 0;
  int from_op = 0;  // operator whose port 0 feeds the edge
  int to_vertex = 0;
  int to_port = 0;  // the edge's number among the inputs of `to_vertex`
  EdgeKind kind = EdgeKind::kAppend;
  // Rows go to the task that owns the key group in column 0 (smallint "_key_group").
};

enum class SinkRole { kMain, kLate, kDeadLetter };

struct SinkSpec {
  std::string id;  // table name; "#late" or "#dead_letter" appended by role: the txn app id's tail
  SinkRole role = SinkRole::kMain;
  std::string path;  // absolute after submit
  Schema schema;     // of the table
  EdgeKind kind = EdgeKind::kAppend;
  int64_t freshness_interval_us = 60'000'000;
};

// One INSERT statement, the unit of row accounting: every source row read is used, late, bad or
// filtered by each INSERT.
struct InsertSpec {
  int sink = 0;
  std::string name;  // "activity", "activity#2" for a second INSERT into the same table
  int source_vertex = 0;
};

struct JobSettings {
  int64_t checkpoint_interval_us = 10'000'000;
  int parallelism = 0;  // 0 = all slots
  int retain_checkpoints = 3;
};

struct Plan {
  JobSettings settings;
  std::vector<VertexSpec> vertices;
  std::vector<EdgeSpec> edges;
  std::vector<SinkSpec> sinks;
  std::vector<InsertSpec> inserts;
};

}  // namespace weir

#endif  // WEIR_MODEL_PLAN_H_
