// A folded log to protobuf and back.
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
};

}  // namespace

std::string EncodeFold(const JobLogState& state) {
  v1::Fold fold;
  fold.set_tail(state.tail);
  fold.set_generation(state.generation.value);
  fold.set_parallelism(state.parallelism);
  fold.set_last_written_ms(state.last_written_ms);
  if (state.spec) Add(1, state.spec->submitted_ms, *state.spec, &fold);
  for (const auto& [n, started] : state.starts) Add(n, started.at_ms, started, &fold);
  for (const auto& published : state.checkpoints) {
    Add(published.epoch.value, published.manifest.created_ms, published.manifest, &fold);
  }
  for (const auto& [sink, committed] : state.committed) Add(0, 0, committed, &fold);
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
  for (v1::Fold::Numbered& numbered : *fold.mutable_records()) {
    WEIR_ASSIGN_OR_RETURN(LogRecord record, FromProto(numbered.mutable_record()));
    std::visit(Place{numbered.n(), record.written_ms, &state}, record.body);
  }
  if (!state.spec || state.tail < 1) {
    return absl::DataLossError("the folded log is damaged: it has no submission");
  }
  return state;
}

}  // namespace weir
