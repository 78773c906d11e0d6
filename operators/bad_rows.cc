#include "operators/bad_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_primitive.h"
#include "arrow/array/builder_time.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/string_view.h"
#include "operators/operator.h"
#include "operators/row_samples.h"

namespace weir {
namespace {

constexpr char kFatalPayload[] = "weir/fatal";

void Must(const arrow::Status& status) { WEIR_CHECK(status.ok(), status.ToString()); }

std::shared_ptr<arrow::Array> Finished(arrow::ArrayBuilder& builder) {
  std::shared_ptr<arrow::Array> array;
  Must(builder.Finish(&array));
  return array;
}

}  // namespace

absl::Status FatalError(std::string_view message) {
  absl::Status status = absl::FailedPreconditionError(AbslView(message));
  status.SetPayload(kFatalPayload, absl::Cord());
  return status;
}

bool IsFatal(const absl::Status& status) { return status.GetPayload(kFatalPayload).has_value(); }

std::vector<InsertCounters*> AccountsOf(const OperatorSpec& spec, const OperatorContext& context) {
  std::vector<InsertCounters*> accounts;
  if (spec.insert >= 0) {
    accounts.push_back(&(*context.counters)[spec.insert]);
    return accounts;
  }
  for (size_t i = 0; i < context.plan->inserts.size(); ++i) {
    if (context.plan->inserts[i].source_vertex == context.task.vertex) {
      accounts.push_back(&(*context.counters)[static_cast<int>(i)]);
    }
  }
  return accounts;
}

BadRowReporter::BadRowReporter(const OperatorSpec& spec, const OperatorContext& context)
    : policy_(spec.on_bad_row), context_(context), accounts_(AccountsOf(spec, context)) {}

absl::Status BadRowReporter::Report(const RawRecords& raw, int64_t row, std::string_view reason,
                                    std::string_view message) {
  for (InsertCounters* account : accounts_) ++account->bad[std::string(reason)];
  if (context_.samples != nullptr && context_.samples->wants_bad()) {
    const std::string_view payload = raw.IsTombstone(row) ? "" : raw.Payload(row);
    context_.samples->AddBad({std::string(reason), std::string(message), std::string(payload),
                              raw.partition, raw.offsets[row],
                              context_.clock->WallMicros() / 1000});
  }
  switch (policy_) {
    case BadRowPolicy::kFail:
      return FatalError(absl::StrCat(
          "bad row in topic ", context_.topic, ", partition ", raw.partition, ", offset ",
          raw.offsets[row], ": ", AbslView(message),
          "; on_bad_row = 'skip' or 'dead_letter' lets a job go on without such rows"));
    case BadRowPolicy::kSkip:
      return absl::OkStatus();
    case BadRowPolicy::kDeadLetter:
      break;
  }
  Letter letter;
  letter.partition = raw.partition;
  letter.offset = raw.offsets[row];
  letter.has_key = raw.key_begin[row] >= 0;
  letter.key = std::string(raw.Key(row));
  letter.has_payload = !raw.IsTombstone(row);
  if (letter.has_payload) letter.payload = std::string(raw.Payload(row));
  letter.error = std::string(message);
  letters_.push_back(std::move(letter));
  return absl::OkStatus();
}

absl::Status BadRowReporter::Flush(Output& out) {
  if (letters_.empty()) return absl::OkStatus();
  static const std::shared_ptr<arrow::Schema> schema = ArrowSchema(DeadLetterSchema());
  arrow::StringBuilder topic, error;
  arrow::Int32Builder partition;
  arrow::Int64Builder offset;
  arrow::BinaryBuilder key, payload;
  arrow::TimestampBuilder received_at(schema->field(6)->type(), arrow::default_memory_pool());
  const int64_t now = context_.clock->WallMicros();
  for (const Letter& letter : letters_) {
    Must(topic.Append(context_.topic));
    Must(partition.Append(letter.partition));
    Must(offset.Append(letter.offset));
    Must(letter.has_key ? key.Append(letter.key) : key.AppendNull());
    Must(letter.has_payload ? payload.Append(letter.payload) : payload.AppendNull());
    Must(error.Append(letter.error));
    Must(received_at.Append(now));
  }
  Batch batch;
  batch.columns = arrow::RecordBatch::Make(
      schema, static_cast<int64_t>(letters_.size()),
      {Finished(topic), Finished(partition), Finished(offset), Finished(key), Finished(payload),
       Finished(error), Finished(received_at)});
  letters_.clear();
  return out.Emit(1, std::move(batch));
}

}  // namespace weir
