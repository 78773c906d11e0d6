#include "operators/window/accumulators.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/record_batch.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "model/aggregate_name.h"
#include "operators/window/accumulator_kinds.h"

namespace weir {
namespace {

std::unique_ptr<Accumulator> MakeOfKind(const AggregateCall& call) {
  switch (call.kind) {
    case AggregateKind::kCountStar:
    case AggregateKind::kCount:
    case AggregateKind::kBoolAnd:
    case AggregateKind::kBoolOr:
      return MakeCount(call);
    case AggregateKind::kCountDistinct:
      return MakeDistinct(call);
    case AggregateKind::kSum:
    case AggregateKind::kAvg:
      return MakeSum(call);
    case AggregateKind::kMin:
    case AggregateKind::kMax:
      return MakeExtreme(call);
    case AggregateKind::kStddevSamp:
    case AggregateKind::kVarSamp:
      return MakeVariance(call);
  }
  return nullptr;
}

}  // namespace

std::string CallForPeople(const AggregateCall& call) {
  if (call.kind == AggregateKind::kCountStar) return "count(*)";
  return absl::StrCat(AggregateName(call.kind),
                      call.kind == AggregateKind::kCountDistinct ? "(distinct " : "(",
                      ToString(call.argument_type), ")");
}

absl::Status ResultOutOfRange(const AggregateCall& call) {
  return absl::OutOfRangeError(
      absl::StrCat(CallForPeople(call), " is out of range of ", ToString(call.result_type)));
}

absl::StatusOr<std::unique_ptr<Accumulator>> MakeAccumulator(const AggregateCall& call) {
  std::unique_ptr<Accumulator> made = MakeOfKind(call);
  if (made == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("this version has no aggregate ",
                                                   CallForPeople(call), " with result ",
                                                   ToString(call.result_type)));
  }
  return made;
}

absl::StatusOr<AggregateStates> AggregateStates::Make(const std::vector<AggregateCall>& calls) {
  AggregateStates states;
  for (const AggregateCall& call : calls) {
    WEIR_ASSIGN_OR_RETURN(auto accumulator, MakeAccumulator(call));
    if (call.kind == AggregateKind::kCountDistinct) states.distinct_.push_back(states.count());
    const size_t width = accumulator->width();
    states.columns_.push_back({std::move(accumulator), states.width_, call.argument, call.filter});
    states.width_ += width;
  }
  return states;
}

absl::Status AggregateStates::Update(const arrow::RecordBatch& batch, const RowSelection& selection,
                                     StateArena& arena, uint8_t** failed) const {
  for (const Column& column : columns_) {
    const arrow::Array* argument =
        column.argument < 0 ? nullptr : batch.column(column.argument).get();
    if (column.filter < 0) {
      WEIR_RETURN_IF_ERROR(
          column.accumulator->Update(argument, selection, column.offset, arena, failed));
      continue;
    }
    const auto& filter = static_cast<const arrow::BooleanArray&>(*batch.column(column.filter));
    std::vector<uint32_t> rows;
    std::vector<uint8_t*> groups;
    for (int64_t i = 0; i < selection.size; ++i) {
      const uint32_t row = selection.rows[i];
      if (filter.IsNull(row) || !filter.Value(row)) continue;
      rows.push_back(row);
      groups.push_back(selection.groups[i]);
    }
    const RowSelection kept{rows.data(), groups.data(), static_cast<int64_t>(rows.size())};
    WEIR_RETURN_IF_ERROR(column.accumulator->Update(argument, kept, column.offset, arena, failed));
  }
  return absl::OkStatus();
}

void AggregateStates::Encode(const uint8_t* states, DistinctIn distinct, std::string* out) const {
  for (const Column& column : columns_) {
    column.accumulator->Encode(states + column.offset, distinct, out);
  }
}

absl::Status AggregateStates::Merge(uint8_t* states, std::string_view encoded,
                                    StateArena& arena) const {
  for (const Column& column : columns_) {
    WEIR_RETURN_IF_ERROR(column.accumulator->Merge(states + column.offset, encoded, arena));
  }
  if (!encoded.empty()) {
    return absl::DataLossError(absl::StrCat(encoded.size(), " bytes behind the aggregate states"));
  }
  return absl::OkStatus();
}

absl::Status AggregateStates::MergeStates(uint8_t* states, const uint8_t* others,
                                          StateArena& arena) const {
  for (const Column& column : columns_) {
    WEIR_RETURN_IF_ERROR(
        column.accumulator->MergeState(states + column.offset, others + column.offset, arena));
  }
  return absl::OkStatus();
}

absl::Status AggregateStates::Append(
    const uint8_t* states,
    const std::vector<std::unique_ptr<arrow::ArrayBuilder>>& builders) const {
  for (size_t c = 0; c < columns_.size(); ++c) {
    WEIR_RETURN_IF_ERROR(
        columns_[c].accumulator->Append(states + columns_[c].offset, builders[c].get()));
  }
  return absl::OkStatus();
}

DistinctValues* AggregateStates::Distinct(size_t column, const uint8_t* states) const {
  return columns_[column].accumulator->Distinct(states + columns_[column].offset);
}

void AggregateStates::AddDistinct(size_t column, uint8_t* states, std::string_view value,
                                  bool fresh, StateArena& arena) const {
  columns_[column].accumulator->AddDistinct(states + columns_[column].offset, value, fresh, arena);
}

void AggregateStates::CountOneValue(size_t column, uint8_t* states, StateArena& arena) const {
  columns_[column].accumulator->CountOneValue(states + columns_[column].offset, arena);
}

void AggregateStates::EncodeValues(size_t column, const std::vector<const std::string*>& values,
                                   std::string* out) const {
  std::vector<uint64_t> empty(width_ / 8, 0);
  StateArena arena;
  uint8_t* states = reinterpret_cast<uint8_t*>(empty.data());
  for (const std::string* value : values) AddDistinct(column, states, *value, true, arena);
  Encode(states, DistinctIn::kState, out);
}

}  // namespace weir
