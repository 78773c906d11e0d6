// count(DISTINCT x): the exact set of values, in the canonical encoding of group keys.
#include "arrow/array.h"
#include "arrow/builder.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "operators/window/accumulator_kinds.h"
#include "operators/window/varint.h"
#include "state/keyed/key_encoding.h"

namespace weir {
namespace {

// Of a node, its string and a slot of the set.
constexpr int64_t kBytesPerValue = 64;

struct DistinctState {
  DistinctValues* set;
};

class CountDistinct : public Accumulator {
 public:
  explicit CountDistinct(const DataType& type) : types_{type} {}
  size_t width() const override { return sizeof(DistinctState); }

  absl::Status Update(const arrow::Array* argument, const RowSelection& selection, size_t offset,
                      StateArena& arena, uint8_t**) const override {
    if (selection.size == 0) return absl::OkStatus();
    // Rows are selected in ascending order; only the stretch that holds them is encoded.
    const int64_t first = selection.rows[0];
    const int64_t count = selection.rows[selection.size - 1] - first + 1;
    EncodedKeys values;
    WEIR_RETURN_IF_ERROR(EncodeKeys(types_, {argument->Slice(first, count)}, count, &values));
    for (int64_t i = 0; i < selection.size; ++i) {
      const uint32_t row = selection.rows[i];
      if (argument->IsNull(row)) continue;
      AddDistinct(selection.groups[i] + offset, values.key(row - first), true, arena);
    }
    return absl::OkStatus();
  }

  void Encode(const uint8_t* state, DistinctIn distinct, std::string* out) const override {
    const DistinctValues* set = Distinct(state);
    if (set == nullptr || distinct == DistinctIn::kEntries) {
      PutVarint(0, out);
      return;
    }
    PutVarint(set->values.size(), out);
    for (const std::string& value : set->values) PutSized(value, out);
  }

  absl::Status Merge(uint8_t* state, std::string_view& in, StateArena& arena) const override {
    uint64_t count = 0;
    bool whole = TakeVarint(in, &count);
    for (; whole && count > 0; --count) {
      std::string_view value;
      whole = TakeSized(in, &value);
      if (whole) AddDistinct(state, value, true, arena);
    }
    return whole ? absl::OkStatus() : absl::DataLossError("aggregate state cut short");
  }

  absl::Status MergeState(uint8_t* state, const uint8_t* other, StateArena& arena) const override {
    const DistinctValues* set = Distinct(other);
    if (set == nullptr) return absl::OkStatus();
    for (const std::string& value : set->values) AddDistinct(state, value, true, arena);
    return absl::OkStatus();
  }

  absl::Status Append(const uint8_t* state, arrow::ArrayBuilder* builder) const override {
    const DistinctValues* set = Distinct(state);
    Must(static_cast<arrow::Int64Builder*>(builder)->Append(
        set == nullptr ? 0 : static_cast<int64_t>(set->values.size()) + set->counted));
    return absl::OkStatus();
  }

  DistinctValues* Distinct(const uint8_t* state) const override {
    return reinterpret_cast<const DistinctState*>(state)->set;
  }

  void CountOneValue(uint8_t* state, StateArena& arena) const override {
    DistinctValues*& set = reinterpret_cast<DistinctState*>(state)->set;
    if (set == nullptr) set = arena.NewDistinct();
    ++set->counted;
  }

  void AddDistinct(uint8_t* state, std::string_view value, bool fresh,
                   StateArena& arena) const override {
    DistinctValues*& set = reinterpret_cast<DistinctState*>(state)->set;
    if (set == nullptr) set = arena.NewDistinct();
    if (set->values.contains(AbslView(value))) return;
    const std::string& added = *set->values.emplace(value).first;
    if (fresh) set->fresh.push_back(&added);
    set->bytes += static_cast<int64_t>(value.size());
    arena.AddBytes(kBytesPerValue + static_cast<int64_t>(value.size()));
  }

 private:
  const std::vector<DataType> types_;
};

}  // namespace

std::unique_ptr<Accumulator> MakeDistinct(const AggregateCall& call) {
  const TypeKind argument = call.argument_type.kind;
  if (call.result_type.kind != TypeKind::kBigint || argument == TypeKind::kNull ||
      argument == TypeKind::kInterval) {
    return nullptr;
  }
  return std::make_unique<CountDistinct>(call.argument_type);
}

}  // namespace weir
