#include "lake/file_stats.h"

#include <arrow/api.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/log.h"
#include "model/time_text.h"

namespace weir {
namespace {

constexpr int kTextCharacters = 32;
constexpr int kTextCharactersMax = 64;
constexpr char32_t kAsciiMax = 0x7F;
constexpr char32_t kUnicodeMax = 0x10FFFF;

std::string Quote(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Beyond these years the text form of a date is no longer the one readers expect.
bool YearIsOrdinary(int64_t year) { return year >= 1 && year <= 9999; }

std::string DateJson(int64_t days) {
  if (days < kMinDate || days > kMaxDate || !YearIsOrdinary(CivilFromDays(days).year)) return "";
  return absl::StrCat("\"", FormatDate(days), "\"");
}

// Floored to milliseconds, for both bounds: the protocol's precision. Readers know, and take a
// maximum to mean up to a millisecond more.
std::string TimestampJson(int64_t micros, const char* zone) {
  const int64_t days = FloorDays(micros);
  const CivilDate date = CivilFromDays(days);
  if (!YearIsOrdinary(date.year)) return "";
  const int64_t ms = (micros - days * kMicrosPerDay) / 1000;
  return absl::StrFormat("\"%04d-%02d-%02dT%02d:%02d:%02d.%03d%s\"", date.year, date.month,
                         date.day, ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, ms % 1000,
                         zone);
}

std::string NumberJson(int64_t value) { return absl::StrCat(value); }
std::string InstantJson(int64_t micros) { return TimestampJson(micros, "Z"); }
std::string LocalTimeJson(int64_t micros) { return TimestampJson(micros, ""); }

template <class ArrayType>
class IntegerBounds : public ColumnBounds {
 public:
  using ToJson = std::string (*)(int64_t);
  explicit IntegerBounds(ToJson to_json) : to_json_(to_json) {}
  void Add(const arrow::Array& array) override {
    const auto& values = static_cast<const ArrayType&>(array);
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) continue;
      const int64_t value = values.Value(i);
      min_ = any_ ? std::min(min_, value) : value;
      max_ = any_ ? std::max(max_, value) : value;
      any_ = true;
    }
  }
  std::string Min() const override { return any_ ? to_json_(min_) : ""; }
  std::string Max() const override { return any_ ? to_json_(max_) : ""; }

 private:
  const ToJson to_json_;
  bool any_ = false;
  int64_t min_ = 0, max_ = 0;
};

// Shortest text that gives the same double. A float goes through double, so that readers of either
// width get its exact value.
std::string FloatJson(double value) {
  if (!std::isfinite(value)) return "";
  char text[40];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

template <class ArrayType>
class FloatBounds : public ColumnBounds {
 public:
  void Add(const arrow::Array& array) override {
    const auto& values = static_cast<const ArrayType&>(array);
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) continue;
      const double value = values.Value(i);
      if (std::isnan(value)) {
        nan_ = true;
        continue;
      }
      min_ = any_ ? std::min(min_, value) : value;
      max_ = any_ ? std::max(max_, value) : value;
      any_ = true;
    }
  }
  // -0.0 and 0.0 are equal but not the same; the bounds take both in.
  std::string Min() const override {
    if (!any_) return "";
    return min_ == 0.0 ? "-0.0" : FloatJson(min_);
  }
  // Some engines sort NaN above all numbers, so with one among the values there is no maximum.
  std::string Max() const override {
    if (!any_ || nan_) return "";
    return max_ == 0.0 ? "0.0" : FloatJson(max_);
  }

 private:
  bool any_ = false, nan_ = false;
  double min_ = 0, max_ = 0;
};

class DecimalBounds : public ColumnBounds {
 public:
  explicit DecimalBounds(int scale) : scale_(scale) {}
  void Add(const arrow::Array& array) override {
    const auto& values = static_cast<const arrow::Decimal128Array&>(array);
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) continue;
      const arrow::Decimal128 value(values.GetValue(i));
      if (!any_ || value < min_) min_ = value;
      if (!any_ || value > max_) max_ = value;
      any_ = true;
    }
  }
  std::string Min() const override { return any_ ? ToJson(min_) : ""; }
  std::string Max() const override { return any_ ? ToJson(max_) : ""; }

 private:
  // Digit for digit, never through a double and never with an exponent.
  std::string ToJson(const arrow::Decimal128& value) const {
    std::string digits = value.ToIntegerString();
    const bool negative = digits[0] == '-';
    if (negative) digits.erase(0, 1);
    if (static_cast<int>(digits.size()) <= scale_)
      digits.insert(0, scale_ + 1 - digits.size(), '0');
    if (scale_ > 0) digits.insert(digits.size() - scale_, ".");
    return absl::StrCat(negative ? "-" : "", digits);
  }

  const int scale_;
  bool any_ = false;
  arrow::Decimal128 min_, max_;
};

class TextBounds : public ColumnBounds {
 public:
  void Add(const arrow::Array& array) override {
    const auto& values = static_cast<const arrow::StringArray&>(array);
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) continue;
      const std::string_view value = values.GetView(i);
      if (!any_ || value < min_) min_ = value;
      if (!any_ || value > max_) max_ = value;
      any_ = true;
    }
  }
  std::string Min() const override {
    const std::optional<std::string> bound = any_ ? TextLowerBound(min_) : std::nullopt;
    return bound ? Quote(*bound) : "";
  }
  std::string Max() const override {
    const std::optional<std::string> bound = any_ ? TextUpperBound(max_) : std::nullopt;
    return bound ? Quote(*bound) : "";
  }

 private:
  bool any_ = false;
  std::string min_, max_;
};

std::unique_ptr<ColumnBounds> MakeBounds(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kSmallint:
      return std::make_unique<IntegerBounds<arrow::Int16Array>>(NumberJson);
    case TypeKind::kInteger:
      return std::make_unique<IntegerBounds<arrow::Int32Array>>(NumberJson);
    case TypeKind::kBigint:
      return std::make_unique<IntegerBounds<arrow::Int64Array>>(NumberJson);
    case TypeKind::kDate:
      return std::make_unique<IntegerBounds<arrow::Date32Array>>(DateJson);
    case TypeKind::kTimestamp:
      return std::make_unique<IntegerBounds<arrow::TimestampArray>>(LocalTimeJson);
    case TypeKind::kTimestamptz:
      return std::make_unique<IntegerBounds<arrow::TimestampArray>>(InstantJson);
    case TypeKind::kReal:
      return std::make_unique<FloatBounds<arrow::FloatArray>>();
    case TypeKind::kDouble:
      return std::make_unique<FloatBounds<arrow::DoubleArray>>();
    case TypeKind::kNumeric:
      return std::make_unique<DecimalBounds>(type.scale);
    case TypeKind::kText:
    case TypeKind::kUuid:
    case TypeKind::kJsonb:
      return std::make_unique<TextBounds>();
    case TypeKind::kBoolean:
    case TypeKind::kBytea:
    case TypeKind::kNull:
    case TypeKind::kInterval:
      return nullptr;
  }
  WEIR_CHECK(false, "unknown type kind");
}

// Length of the UTF-8 sequence at `text[at]` and its code point; 0 when it isn't one (RFC 3629:
// no overlong forms, no surrogates).
int DecodeCharacter(std::string_view text, size_t at, char32_t* code_point) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  const int length = lead < 0x80       ? 1
                     : lead >> 5 == 6  ? 2
                     : lead >> 4 == 14 ? 3
                     : lead >> 3 == 30 ? 4
                                       : 0;
  if (length == 0 || at + length > text.size()) return 0;
  char32_t value = length == 1 ? lead : lead & (0xFF >> (length + 1));
  for (int i = 1; i < length; ++i) {
    if (byte(at + i) >> 6 != 2) return 0;
    value = value << 6 | (byte(at + i) & 0x3F);
  }
  constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLowest[length] || value > kUnicodeMax || (value >= 0xD800 && value <= 0xDFFF))
    return 0;
  *code_point = value;
  return length;
}

// Bytes of the first `count` characters; nullopt when they aren't UTF-8.
std::optional<size_t> PrefixBytes(std::string_view text, int count) {
  size_t at = 0;
  char32_t ignored = 0;
  for (int i = 0; i < count && at < text.size(); ++i) {
    const int length = DecodeCharacter(text, at, &ignored);
    if (length == 0) return std::nullopt;
    at += length;
  }
  return at;
}

}  // namespace

// UTF-8 compares by bytes as its characters compare by code point, so cutting at a character keeps
// a lower bound one.
std::optional<std::string> TextLowerBound(std::string_view text) {
  const std::optional<size_t> bytes = PrefixBytes(text, kTextCharacters);
  if (!bytes) return std::nullopt;
  return std::string(text.substr(0, *bytes));
}

std::optional<std::string> TextUpperBound(std::string_view text) {
  const std::optional<size_t> prefix = PrefixBytes(text, kTextCharacters);
  if (!prefix) return std::nullopt;
  size_t at = *prefix;
  for (int i = kTextCharacters; i < kTextCharactersMax && at < text.size(); ++i) {
    char32_t cut = 0;
    const int length = DecodeCharacter(text, at, &cut);
    if (length == 0) return std::nullopt;
    if (cut < kAsciiMax) return absl::StrCat(std::string(text.substr(0, at)), "\x7F");
    if (cut < kUnicodeMax) return absl::StrCat(std::string(text.substr(0, at)), "\xF4\x8F\xBF\xBF");
    at += length;
  }
  if (at < text.size()) return std::nullopt;
  return std::string(text);
}

FileStats::FileStats(const Schema& schema) {
  const int count = std::min(schema.size(), kStatsColumns);
  for (int c = 0; c < count; ++c)
    columns_.push_back({schema.columns[c].name, 0, MakeBounds(schema.columns[c].type)});
}

FileStats::~FileStats() = default;

void FileStats::Add(const arrow::RecordBatch& batch) {
  rows_ += batch.num_rows();
  for (size_t c = 0; c < columns_.size(); ++c) {
    const arrow::Array& array = *batch.column(static_cast<int>(c));
    columns_[c].nulls += array.null_count();
    if (columns_[c].bounds != nullptr) columns_[c].bounds->Add(array);
  }
}

std::string FileStats::ToJson() const {
  std::string min, max, nulls;
  const auto append = [](std::string* out, const std::string& name, const std::string& json) {
    if (!json.empty()) absl::StrAppend(out, out->empty() ? "" : ",", name, ":", json);
  };
  for (const Tracked& column : columns_) {
    const std::string name = Quote(column.name);
    if (column.bounds != nullptr) append(&min, name, column.bounds->Min());
    if (column.bounds != nullptr) append(&max, name, column.bounds->Max());
    append(&nulls, name, absl::StrCat(column.nulls));
  }
  return absl::StrCat("{\"numRecords\":", rows_, ",\"minValues\":{", min, "},\"maxValues\":{", max,
                      "},\"nullCount\":{", nulls, "}}");
}

}  // namespace weir
