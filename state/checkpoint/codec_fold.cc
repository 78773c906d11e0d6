// A folded log to protobuf and back.
#include "absl/base/attributes.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "state/checkpoint/codec_frame.h"
#include "state/checkpoint/codec_records.h"
#include "state/checkpoint/job_log.h"
#include "weir/v1/checkpoint.pb.h"

namespace weir {
namespace {

void Add(int64_t n, int64_t written_ms, decltype(LogRecord::body) body, v1::Fold* fold) {
  LogRecord record;
  record.written_ms = written_ms;
  record.body = std::move(body);
  v1::Fold::Numbered* numbered = fold->add_records();
  numbered->set_n(n);
  ToProto(record, numbered->mutable_record());
}

struct Place {
  int64_t n;
  int64_t written_ms;
  JobLogState* state;

  void operator()(JobSpec& spec) const { state->spec = std::move(spec); }
  void operator()(StartedRecord& started) const {
    started.at_ms = written_ms;
    state->starts.emplace_back(n, std::move(started));
  }
  void operator()(Manifest& manifest) const {
    state->checkpoints.push_back({Epoch(n), std::move(manifest)});
  }
  void operator()(CommittedRecord& committed) const {
    state->committed[committed.sink] = std::move(committed);
  }
  void operator()(EndedRecord& ended) const { state->ended = std::move(ended); }
  // Not kept in folds: the checkpoints say what these changed.
  void operator()(DroppedSavepointRecord&) const {}
  void operator()(RestoredRecord&) const {}
};

// Not inlined: GCC 12 would warn of uninitialised strings in the variant's other alternatives.
ABSL_ATTRIBUTE_NOINLINE void Put(int64_t n, LogRecord* record, JobLogState* state) {
  std::visit(Place{n, record->written_ms, state}, record->body);
}

}  // namespace

std::string EncodeFold(const JobLogState& state) {
  v1::Fold fold;
  fold.set_tail(state.tail);
  fold.set_generation(state.generation.value);
  fold.set_parallelism(state.parallelism);
  fold.set_last_written_ms(state.last_written_ms);
  fold.set_last_epoch(state.last_epoch.value);
  fold.set_dropped_epoch(state.dropped_epoch.value);
  fold.set_restored_at(state.restored_at);
  if (state.spec) Add(1, state.spec->submitted_ms, *state.spec, &fold);
  for (const auto& [n, started] : state.starts) Add(n, started.at_ms, started, &fold);
  for (const auto& published : state.checkpoints) {
    Add(published.epoch.value, published.manifest.created_ms, published.manifest, &fold);
  }
  for (const auto& [sink, committed] : state.committed) Add(0, 0, committed, &fold);
  for (const PlannedDataFile& file : state.next_files) ToProto(file, fold.add_next_files());
  if (state.ended) Add(state.tail, state.last_written_ms, *state.ended, &fold);
  return Seal(fold, kFoldMagic);
}

absl::StatusOr<JobLogState> DecodeFold(std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(const std::string_view body, Unseal(bytes, kFoldMagic));
  v1::Fold fold;
  if (!fold.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::DataLossError("the folded log is damaged: its body doesn't parse");
  }
  JobLogState state;
  state.tail = fold.tail();
  state.generation = Generation(fold.generation());
  state.parallelism = fold.parallelism();
  state.last_written_ms = fold.last_written_ms();
  state.last_epoch = Epoch(fold.last_epoch());
  state.dropped_epoch = Epoch(fold.dropped_epoch());
  state.restored_at = fold.restored_at();
  state.next_files = FromProto(fold.next_files());
  for (v1::Fold::Numbered& numbered : *fold.mutable_records()) {
    WEIR_ASSIGN_OR_RETURN(LogRecord record, FromProto(numbered.mutable_record()));
    Put(numbered.n(), &record, &state);
  }
  if (!state.spec || state.tail < 1) {
    return absl::DataLossError("the folded log is damaged: it has no submission");
  }
  return state;
}

}  // namespace weir
