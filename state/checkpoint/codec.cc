// Log records to protobuf and back; how the bytes are framed is in codec_frame.h.
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "model/wire.h"
#include "state/checkpoint/codec_frame.h"
#include "state/checkpoint/codec_records.h"
#include "state/checkpoint/job_log.h"
#include "weir/v1/checkpoint.pb.h"

namespace weir {
namespace {

constexpr int32_t kManifestFormat = 1;

// A manifest and a task's snapshot are made of the same parts, so model/wire.h converts them.
void Write(const Manifest& manifest, v1::Manifest* out) {
  TaskSnapshot parts;
  parts.positions = manifest.positions;
  parts.states = manifest.states;
  parts.staged = manifest.staged;
  parts.counters = manifest.counters;
  parts.watermark = manifest.watermark;
  v1::TaskSnapshot wire;
  ToProto(parts, &wire);
  out->set_format(kManifestFormat);
  out->set_generation(manifest.generation.value);
  out->set_checkpoint_id(manifest.checkpoint.value);
  out->set_created_ms(manifest.created_ms);
  out->mutable_positions()->Swap(wire.mutable_positions());
  out->mutable_states()->Swap(wire.mutable_states());
  out->mutable_staged()->Swap(wire.mutable_staged());
  out->mutable_counters()->swap(*wire.mutable_counters());
  out->set_watermark_us(wire.watermark_us());
  out->set_sources_finished(manifest.sources_finished);
  out->set_savepoint(manifest.savepoint);
}

absl::StatusOr<Manifest> Read(v1::Manifest* in) {
  if (in->format() != kManifestFormat) {
    return absl::DataLossError(absl::StrCat("the checkpoint has manifest format ", in->format(),
                                            "; this version of weir reads format ", kManifestFormat,
                                            ": run the version that wrote it, or a newer one"));
  }
  v1::TaskSnapshot wire;
  wire.mutable_positions()->Swap(in->mutable_positions());
  wire.mutable_states()->Swap(in->mutable_states());
  wire.mutable_staged()->Swap(in->mutable_staged());
  wire.mutable_counters()->swap(*in->mutable_counters());
  wire.set_watermark_us(in->watermark_us());
  WEIR_ASSIGN_OR_RETURN(TaskSnapshot parts, FromProto(wire));
  Manifest manifest;
  manifest.generation = Generation(in->generation());
  manifest.checkpoint = CheckpointId(in->checkpoint_id());
  manifest.created_ms = in->created_ms();
  manifest.positions = std::move(parts.positions);
  manifest.states = std::move(parts.states);
  manifest.staged = std::move(parts.staged);
  manifest.counters = std::move(parts.counters);
  manifest.watermark = parts.watermark;
  manifest.sources_finished = in->sources_finished();
  manifest.savepoint = in->savepoint();
  return manifest;
}

void Write(const JobOrigin& origin, v1::Origin* out) {
  out->set_job(origin.job);
  out->set_lineage(origin.lineage);
  out->set_epoch(origin.epoch.value);
  Write(origin.manifest, out->mutable_manifest());
  for (const JobOrigin::Staged& staged : origin.staged) {
    v1::Origin::Staged* to = out->add_staged();
    to->set_epoch(staged.epoch.value);
    ToProto(staged.file, to->mutable_file());
  }
  out->set_restore_tables(origin.restore_tables);
  out->mutable_continued()->Assign(origin.continued.begin(), origin.continued.end());
  out->mutable_undone()->Assign(origin.undone.begin(), origin.undone.end());
}

void Write(const JobSpec& spec, v1::JobSpec* out) {
  out->set_name(spec.name);
  out->set_script(spec.script);
  out->set_lineage(spec.lineage);
  ToProto(spec.plan, out->mutable_plan());
  out->set_submitted_ms(spec.submitted_ms);
  out->set_request_id(spec.request_id);
  out->set_append_to_existing(spec.append_to_existing);
  if (spec.origin != nullptr) Write(*spec.origin, out->mutable_origin());
}

absl::StatusOr<JobOrigin> Read(v1::Origin* in) {
  JobOrigin origin;
  origin.job = in->job();
  origin.lineage = in->lineage();
  origin.epoch = Epoch(in->epoch());
  WEIR_ASSIGN_OR_RETURN(origin.manifest, Read(in->mutable_manifest()));
  for (const v1::Origin::Staged& staged : in->staged()) {
    WEIR_ASSIGN_OR_RETURN(StagedFile file, FromProto(staged.file()));
    origin.staged.push_back({Epoch(staged.epoch()), std::move(file)});
  }
  origin.restore_tables = in->restore_tables();
  origin.continued = {in->continued().begin(), in->continued().end()};
  origin.undone = {in->undone().begin(), in->undone().end()};
  return origin;
}

absl::StatusOr<JobSpec> Read(v1::JobSpec* message) {
  v1::JobSpec& in = *message;
  JobSpec spec;
  spec.name = in.name();
  spec.script = in.script();
  spec.lineage = in.lineage();
  WEIR_ASSIGN_OR_RETURN(spec.plan, FromProto(in.plan()));
  spec.submitted_ms = in.submitted_ms();
  spec.request_id = in.request_id();
  spec.append_to_existing = in.append_to_existing();
  if (in.has_origin()) {
    WEIR_ASSIGN_OR_RETURN(JobOrigin origin, Read(in.mutable_origin()));
    spec.origin = std::make_shared<const JobOrigin>(std::move(origin));
  }
  return spec;
}

v1::Ended::How HowOf(JobEnd how) {
  switch (how) {
    case JobEnd::kStopped:
      return v1::Ended::STOPPED;
    case JobEnd::kCancelled:
      return v1::Ended::CANCELLED;
    case JobEnd::kFinished:
      return v1::Ended::FINISHED;
    case JobEnd::kFailed:
      return v1::Ended::FAILED;
  }
  CheckFailed(__FILE__, __LINE__, "known JobEnd", "");
}

absl::StatusOr<EndedRecord> Read(const v1::Ended& in) {
  switch (in.how()) {
    case v1::Ended::STOPPED:
      return EndedRecord{JobEnd::kStopped, in.reason()};
    case v1::Ended::CANCELLED:
      return EndedRecord{JobEnd::kCancelled, in.reason()};
    case v1::Ended::FINISHED:
      return EndedRecord{JobEnd::kFinished, in.reason()};
    case v1::Ended::FAILED:
      return EndedRecord{JobEnd::kFailed, in.reason()};
    default:
      return absl::DataLossError(absl::StrCat("the job ended in an unknown way, ", in.how(),
                                              ": a newer version of weir wrote the record"));
  }
}

struct WriteBody {
  v1::LogRecord* out;
  void operator()(const JobSpec& spec) const { Write(spec, out->mutable_submitted()); }
  void operator()(const StartedRecord& started) const {
    out->mutable_started()->set_coordinator(started.coordinator);
    out->mutable_started()->set_reason(started.reason);
    out->mutable_started()->set_parallelism(started.parallelism);
    for (const PlannedDataFile& file : started.fenced_files)
      ToProto(file, out->mutable_started()->add_fenced_files());
  }
  void operator()(const Manifest& manifest) const { Write(manifest, out->mutable_checkpoint()); }
  void operator()(const CommittedRecord& committed) const {
    out->mutable_committed()->set_sink(committed.sink);
    out->mutable_committed()->set_epoch(committed.epoch.value);
    out->mutable_committed()->set_table_version(committed.table_version);
  }
  void operator()(const EndedRecord& ended) const {
    out->mutable_ended()->set_how(HowOf(ended.how));
    out->mutable_ended()->set_reason(ended.reason);
  }
  void operator()(const DroppedSavepointRecord& dropped) const {
    out->mutable_dropped_savepoint()->set_epoch(dropped.epoch.value);
  }
  void operator()(const RestoredRecord& restored) const {
    out->mutable_restored()->set_epoch(restored.epoch.value);
    out->mutable_restored()->set_reason(restored.reason);
  }
};

absl::StatusOr<LogRecord> Read(v1::LogRecord* in) {
  LogRecord record;
  record.id = in->id();
  record.written_ms = in->written_ms();
  switch (in->kind_case()) {
    case v1::LogRecord::kSubmitted: {
      WEIR_ASSIGN_OR_RETURN(record.body, Read(in->mutable_submitted()));
      return record;
    }
    case v1::LogRecord::kStarted:
      record.body =
          StartedRecord{in->started().coordinator(), in->started().reason(),
                        in->started().parallelism(), 0, FromProto(in->started().fenced_files())};
      return record;
    case v1::LogRecord::kCheckpoint: {
      WEIR_ASSIGN_OR_RETURN(record.body, Read(in->mutable_checkpoint()));
      return record;
    }
    case v1::LogRecord::kCommitted:
      record.body = CommittedRecord{in->committed().sink(), Epoch(in->committed().epoch()),
                                    in->committed().table_version()};
      return record;
    case v1::LogRecord::kEnded: {
      WEIR_ASSIGN_OR_RETURN(record.body, Read(in->ended()));
      return record;
    }
    case v1::LogRecord::kDroppedSavepoint:
      record.body = DroppedSavepointRecord{Epoch(in->dropped_savepoint().epoch())};
      return record;
    case v1::LogRecord::kRestored:
      record.body = RestoredRecord{Epoch(in->restored().epoch()), in->restored().reason()};
      return record;
    case v1::LogRecord::KIND_NOT_SET:
      break;
  }
  return absl::DataLossError("the log record is of a kind that this version of weir doesn't know");
}

}  // namespace

void ToProto(const LogRecord& record, v1::LogRecord* out) {
  out->set_id(record.id);
  out->set_written_ms(record.written_ms);
  std::visit(WriteBody{out}, record.body);
}

absl::StatusOr<LogRecord> FromProto(v1::LogRecord* in) {
  absl::StatusOr<LogRecord> record = Read(in);
  if (record.ok() || absl::IsDataLoss(record.status())) return record;
  return absl::DataLossError(record.status().message());
}

void ToProto(const PlannedDataFile& file, v1::PlannedDataFile* out) {
  out->set_generation(file.writer.generation.value);
  out->set_vertex(file.writer.task.vertex);
  out->set_index(file.writer.task.index);
  out->set_op(file.writer.op);
  out->set_number(file.number);
}

std::vector<PlannedDataFile> FromProto(
    const google::protobuf::RepeatedPtrField<v1::PlannedDataFile>& in) {
  std::vector<PlannedDataFile> files;
  for (const v1::PlannedDataFile& file : in) {
    files.push_back(
        {{Generation(file.generation()), {file.vertex(), file.index()}, file.op()}, file.number()});
  }
  return files;
}

std::string EncodeLogRecord(const LogRecord& record) {
  v1::LogRecord wire;
  ToProto(record, &wire);
  return Seal(wire, kRecordMagic);
}

absl::StatusOr<LogRecord> DecodeLogRecord(std::string_view bytes) {
  WEIR_ASSIGN_OR_RETURN(const std::string_view body, Unseal(bytes, kRecordMagic));
  v1::LogRecord wire;
  if (!wire.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::DataLossError("the log record is damaged: its body doesn't parse");
  }
  return FromProto(&wire);
}

}  // namespace weir
