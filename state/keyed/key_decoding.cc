#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/util/decimal.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "state/keyed/key_encoding.h"
#include "state/keyed/key_layout.h"

namespace weir {

bool IsVariable(TypeKind kind) {
  return kind == TypeKind::kText || kind == TypeKind::kUuid || kind == TypeKind::kJsonb ||
         kind == TypeKind::kBytea;
}

int32_t FixedKeySize(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean:
      return 1 + 1;
    case TypeKind::kSmallint:
      return 1 + 2;
    case TypeKind::kInteger:
    case TypeKind::kDate:
    case TypeKind::kReal:
      return 1 + 4;
    case TypeKind::kBigint:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
    case TypeKind::kDouble:
      return 1 + 8;
    case TypeKind::kNumeric:
      return 1 + 1 + 16;
    case TypeKind::kNull:
    case TypeKind::kText:
    case TypeKind::kBytea:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
    case TypeKind::kInterval:
      break;
  }
  CheckFailed(__FILE__, __LINE__, "fixed-size type", absl::StrCat(static_cast<int>(kind)));
}

namespace {

absl::Status Malformed(std::string_view key) {
  return absl::DataLossError(absl::StrCat("malformed group key ",
                                          absl::BytesToHexString(AbslView(key.substr(0, 64))),
                                          " of ", key.size(), " bytes"));
}

// One value at the front of a key, after its tag or length.
struct Field {
  bool null = false;
  std::string_view value;
};

// Cuts the field of `type` off the front of `rest`; false when it isn't whole.
bool TakeField(const DataType& type, std::string_view& rest, Field* field) {
  if (rest.empty()) return false;
  if (!IsVariable(type.kind)) {
    const uint8_t tag = static_cast<uint8_t>(rest[0]);
    if (tag > 1) return false;
    field->null = tag == 0;
    const size_t size = field->null ? 1 : FixedKeySize(type.kind);
    if (rest.size() < size) return false;
    field->value = rest.substr(1, size - 1);
    rest.remove_prefix(size);
    return true;
  }
  uint64_t length = 0;
  int shift = 0;
  for (;; shift += 7) {
    if (rest.empty() || shift > 28) return false;
    const uint8_t byte = static_cast<uint8_t>(rest[0]);
    rest.remove_prefix(1);
    length |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  field->null = length == 0;
  if (field->null) return true;
  if (rest.size() < length - 1) return false;
  field->value = rest.substr(0, length - 1);
  rest.remove_prefix(length - 1);
  return true;
}

template <class T>
T Load(std::string_view bytes) {
  T v;
  std::memcpy(&v, bytes.data(), sizeof(v));
  return v;
}

// Digits of a canonical numeric at the column's scale; false when they don't fit.
bool RescaleNumeric(std::string_view value, int scale, arrow::Decimal128* out) {
  const int stored = static_cast<uint8_t>(value[0]);
  if (stored > scale) return false;
  arrow::Decimal128 unscaled(reinterpret_cast<const uint8_t*>(value.data()) + 1);
  auto rescaled = unscaled.Rescale(stored, scale);
  if (!rescaled.ok()) return false;
  *out = *rescaled;
  return true;
}

template <class Builder, class T>
arrow::Status AppendFixed(arrow::ArrayBuilder* builder, std::string_view value) {
  return static_cast<Builder*>(builder)->Append(Load<T>(value));
}

arrow::Status AppendValue(const DataType& type, std::string_view value,
                          arrow::ArrayBuilder* builder) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return static_cast<arrow::BooleanBuilder*>(builder)->Append(value[0] != 0);
    case TypeKind::kSmallint:
      return AppendFixed<arrow::Int16Builder, int16_t>(builder, value);
    case TypeKind::kInteger:
      return AppendFixed<arrow::Int32Builder, int32_t>(builder, value);
    case TypeKind::kDate:
      return AppendFixed<arrow::Date32Builder, int32_t>(builder, value);
    case TypeKind::kBigint:
      return AppendFixed<arrow::Int64Builder, int64_t>(builder, value);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestamptz:
      return AppendFixed<arrow::TimestampBuilder, int64_t>(builder, value);
    case TypeKind::kReal:
      return AppendFixed<arrow::FloatBuilder, float>(builder, value);
    case TypeKind::kDouble:
      return AppendFixed<arrow::DoubleBuilder, double>(builder, value);
    case TypeKind::kNumeric: {
      arrow::Decimal128 v;
      if (!RescaleNumeric(value, type.scale, &v)) return arrow::Status::Invalid("scale");
      return static_cast<arrow::Decimal128Builder*>(builder)->Append(v);
    }
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
    case TypeKind::kBytea:
      return static_cast<arrow::BinaryBuilder*>(builder)->Append(value.data(), value.size());
    case TypeKind::kNull:
    case TypeKind::kInterval:
      break;
  }
  return arrow::Status::TypeError("no column type");
}

}  // namespace

absl::StatusOr<size_t> KeySize(const std::vector<DataType>& types, std::string_view bytes) {
  std::string_view rest = bytes;
  Field field;
  for (const DataType& type : types) {
    if (!TakeField(type, rest, &field)) return Malformed(bytes);
  }
  return bytes.size() - rest.size();
}

struct KeyDecoder::State {
  std::vector<DataType> types;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
};

KeyDecoder::KeyDecoder(std::vector<DataType> types) : state_(std::make_unique<State>()) {
  for (const DataType& type : types) {
    auto builder = arrow::MakeBuilder(ArrowType(type));
    WEIR_CHECK(builder.ok(), "type=", ToString(type));
    state_->builders.push_back(std::move(builder).ValueUnsafe());
  }
  state_->types = std::move(types);
}

KeyDecoder::~KeyDecoder() = default;
KeyDecoder::KeyDecoder(KeyDecoder&&) noexcept = default;
KeyDecoder& KeyDecoder::operator=(KeyDecoder&&) noexcept = default;

absl::Status KeyDecoder::Append(std::string_view key) {
  std::string_view rest = key;
  Field field;
  for (size_t c = 0; c < state_->types.size(); ++c) {
    if (!TakeField(state_->types[c], rest, &field)) return Malformed(key);
    arrow::ArrayBuilder* builder = state_->builders[c].get();
    arrow::Status status =
        field.null ? builder->AppendNull() : AppendValue(state_->types[c], field.value, builder);
    if (!status.ok()) return Malformed(key);
  }
  return rest.empty() ? absl::OkStatus() : Malformed(key);
}

absl::StatusOr<std::vector<std::shared_ptr<arrow::Array>>> KeyDecoder::Finish() {
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (auto& builder : state_->builders) {
    auto column = builder->Finish();
    if (!column.ok()) return absl::ResourceExhaustedError(column.status().ToString());
    columns.push_back(std::move(column).ValueUnsafe());
  }
  return columns;
}

std::string KeyForPeople(const std::vector<DataType>& types, std::string_view key) {
  KeyDecoder decoder(types);
  if (!decoder.Append(key).ok()) return absl::BytesToHexString(AbslView(key));
  auto columns = decoder.Finish();
  if (!columns.ok()) return absl::BytesToHexString(AbslView(key));
  std::string text = "(";
  for (const auto& column : *columns) {
    auto scalar = column->GetScalar(0);
    absl::StrAppend(&text, text.size() > 1 ? ", " : "",
                    scalar.ok() && (*scalar)->is_valid ? (*scalar)->ToString() : "NULL");
  }
  return text + ")";
}

}  // namespace weir
