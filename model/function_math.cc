// Signatures of mathematical functions, and of greatest and least.
#include "model/function_table.h"

namespace weir {
namespace {

using enum TypeKind;

constexpr SignatureTraits kFallible{.fallible = true};
constexpr SignatureTraits kRounded{.fallible = true, .rule = ResultRule::kNumericRound};

void AddRounding(FunctionTable& table) {
  for (std::string_view name : {"round", "trunc", "floor", "ceil", "ceiling"}) {
    table.Add(name, {kDouble}, kDouble);
    table.Add(name, {kNumeric}, kNull, kRounded);
  }
  for (std::string_view name : {"round", "trunc"}) {
    table.Add(name, {kNumeric, kInteger}, kNull, kRounded);
  }
}

void AddGreatest(FunctionTable& table) {
  for (std::string_view name : {"greatest", "least"}) {
    for (TypeKind kind : {kBoolean, kSmallint, kInteger, kBigint, kReal, kDouble, kNumeric, kText,
                          kBytea, kDate, kTimestamp, kTimestamptz, kUuid}) {
      // Only numbers of very different scales fail, when the common type needs over 38 digits.
      table.Add(name, {kind}, kNull,
                {.fallible = kind == kNumeric,
                 .strict = false,
                 .variadic = true,
                 .rule = ResultRule::kFirstArgument});
    }
  }
}

}  // namespace

void AddMathFunctions(FunctionTable& table) {
  for (TypeKind kind : {kSmallint, kInteger, kBigint}) table.Add("abs", {kind}, kind, kFallible);
  for (TypeKind kind : {kReal, kDouble}) table.Add("abs", {kind}, kind);
  table.Add("abs", {kNumeric}, kNull, {.rule = ResultRule::kFirstArgument});
  AddRounding(table);
  table.Add("sign", {kDouble}, kDouble);
  table.Add("sign", {kNumeric}, DataType::Numeric(1, 0));
  // Numeric arguments compute in double precision (PostgreSQL has numeric versions of these).
  for (std::string_view name : {"sqrt", "cbrt", "ln", "log", "log10", "exp"}) {
    table.Add(name, {kDouble}, kDouble, kFallible);
  }
  for (std::string_view name : {"power", "pow"}) {
    table.Add(name, {kDouble, kDouble}, kDouble, kFallible);
  }
  AddGreatest(table);
}

}  // namespace weir
