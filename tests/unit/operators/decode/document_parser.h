// What simdjson's document parser makes of records: the judge of our own decoder.
#ifndef WEIR_TESTS_UNIT_OPERATORS_DECODE_DOCUMENT_PARSER_H_
#define WEIR_TESTS_UNIT_OPERATORS_DECODE_DOCUMENT_PARSER_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "model/plan.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_decoder.h"
#include "simdjson.h"

namespace weir {

// Columns big, flag, number, text and any, one of each kind of JSON value.
inline SourceOp DocumentSource() {
  SourceOp source;
  source.table = "t";
  for (const auto& [name, kind] : std::map<std::string, TypeKind>{{"big", TypeKind::kBigint},
                                                                  {"flag", TypeKind::kBoolean},
                                                                  {"number", TypeKind::kDouble},
                                                                  {"text", TypeKind::kText},
                                                                  {"any", TypeKind::kJsonb}}) {
    source.declared.columns.push_back({name, DataType::Of(kind), true});
  }
  source.output = source.declared;
  return source;
}

// What the record must give. `open`: simdjson's parser can't tell (numbers beyond its types, or
// fractions that it rounds away), so that either outcome is right.
struct ExpectedRecord {
  bool open = false;
  std::string reason;  // "" = good
  std::optional<int64_t> big;
  std::optional<bool> flag;
  std::optional<double> number;
  std::optional<std::string> text;
  std::optional<std::string> any;  // minified
};

inline void ApplyValue(const std::string& column, const simdjson::dom::element& value,
                       std::map<std::string, bool>* wrong, ExpectedRecord* out) {
  (*wrong)[column] = false;
  const bool null = value.is_null();
  if (column == "big") {
    out->big.reset();
    int64_t integer = 0;
    double floating = 0;
    if (value.get(integer) == simdjson::SUCCESS) {
      out->big = integer;
    } else if (value.is_double() && value.get(floating) == simdjson::SUCCESS &&
               std::floor(floating) == floating && std::abs(floating) < 9e15) {
      out->big = static_cast<int64_t>(floating);
      out->open = true;
    } else {
      (*wrong)[column] = !null;
    }
  } else if (column == "flag") {
    out->flag.reset();
    bool flag = false;
    (*wrong)[column] = value.get(flag) != simdjson::SUCCESS && !null;
    if (value.is_bool()) out->flag = flag;
  } else if (column == "number") {
    out->number.reset();
    double number = 0;
    (*wrong)[column] = value.get(number) != simdjson::SUCCESS && !null;
    if (value.is_number()) out->number = number;
  } else if (column == "text") {
    out->text.reset();
    std::string_view text;
    (*wrong)[column] = (value.get(text) != simdjson::SUCCESS && !null) ||
                       text.find('\0') != std::string_view::npos;
    if (value.is_string()) out->text = std::string(text);
  } else if (column == "any") {
    out->any.reset();
    if (!null) out->any = simdjson::minify(value);
  }
}

inline ExpectedRecord ExpectRecord(simdjson::dom::parser& parser, const std::string& json) {
  ExpectedRecord out;
  simdjson::dom::element document;
  const simdjson::error_code error = parser.parse(json).get(document);
  if (error != simdjson::SUCCESS) {
    // By their texts: newer versions have a code of its own for large integers.
    const std::string text = simdjson::error_message(error);
    out.open =
        text.find("number") != std::string::npos || text.find("integer") != std::string::npos;
    out.reason = kBadSyntax;
    return out;
  }
  simdjson::dom::object object;
  if (document.get(object) != simdjson::SUCCESS) {
    out.reason = kBadType;
    return out;
  }
  std::map<std::string, bool> wrong;
  for (auto [key, value] : object) {
    ApplyValue(absl::AsciiStrToLower(std::string(key)), value, &wrong, &out);
  }
  for (const auto& [column, is_wrong] : wrong) {
    if (is_wrong) out.reason = "value";
  }
  return out;
}

inline std::string Minified(simdjson::dom::parser& parser, std::string_view json) {
  // Scalars are no documents of their own for every version.
  return simdjson::minify(parser.parse("[" + std::string(json) + "]").value().at(0).value());
}

template <class Array, class T>
bool SameValue(const std::optional<T>& expected, const arrow::RecordBatch& batch, int column,
               int64_t row) {
  const auto& array = static_cast<const Array&>(*batch.column(column));
  return array.IsValid(row) == expected.has_value() &&
         (!expected || array.GetView(row) == *expected);
}

// Of row `at`; columns of DocumentSource in their order by name.
inline bool SameRow(simdjson::dom::parser& parser, const ExpectedRecord& expected,
                    const arrow::RecordBatch& batch, int64_t at) {
  const auto& any = static_cast<const arrow::StringArray&>(*batch.column(0));
  return any.IsValid(at) == expected.any.has_value() &&
         (!expected.any || Minified(parser, any.GetView(at)) == *expected.any) &&
         SameValue<arrow::Int64Array>(expected.big, batch, 1, at) &&
         SameValue<arrow::BooleanArray>(expected.flag, batch, 2, at) &&
         SameValue<arrow::DoubleArray>(expected.number, batch, 3, at) &&
         SameValue<arrow::StringArray>(expected.text, batch, 4, at);
}

// The first record whose outcome isn't what the document parser makes of it; empty when they agree.
inline std::string Disagreement(simdjson::dom::parser& parser,
                                const std::vector<std::optional<std::string>>& payloads,
                                const DecodedRecords& decoded) {
  if (const arrow::Status valid = decoded.columns->ValidateFull(); !valid.ok()) {
    return valid.ToString();
  }
  std::map<uint32_t, const BadRecord*> bad_by_record;
  for (const BadRecord& b : decoded.bad) bad_by_record[b.record] = &b;
  int64_t row = 0;
  for (uint32_t record = 0; record < payloads.size(); ++record) {
    if (!payloads[record]) continue;
    const ExpectedRecord expected = ExpectRecord(parser, *payloads[record]);
    const std::string where = absl::StrCat("record ", record, ": ", *payloads[record], ": ");
    if (const auto found = bad_by_record.find(record); found != bad_by_record.end()) {
      const BadRecord& bad = *found->second;
      const bool syntax = std::strcmp(bad.reason, kBadSyntax) == 0;
      if (expected.open) continue;
      if (expected.reason == "value" ? syntax : expected.reason != bad.reason) {
        return absl::StrCat(where, "bad for ", bad.reason, " (", bad.message, "), expected ",
                            expected.reason.empty() ? "a good row" : expected.reason);
      }
      continue;
    }
    if (row == decoded.columns->num_rows()) return absl::StrCat(where, "neither good nor bad");
    const int64_t at = row++;
    if ((decoded.raw_row.empty() ? static_cast<uint32_t>(at) : decoded.raw_row[at]) != record) {
      return absl::StrCat(where, "its row is another record's");
    }
    if (expected.open) continue;
    if (!expected.reason.empty()) {
      return absl::StrCat(where, "a good row, expected bad for ", expected.reason);
    }
    if (!SameRow(parser, expected, *decoded.columns, at)) {
      return absl::StrCat(where, "other values");
    }
  }
  if (row != decoded.columns->num_rows()) return "rows that no record has";
  return "";
}

}  // namespace weir

#endif  // WEIR_TESTS_UNIT_OPERATORS_DECODE_DOCUMENT_PARSER_H_
