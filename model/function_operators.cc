// Signatures of arithmetic, comparison and || operators.
#include "model/function_table.h"

namespace weir {
namespace {

using enum TypeKind;

constexpr SignatureTraits kFallible{.fallible = true};

void AddArithmetic(FunctionTable& table) {
  struct Operation {
    std::string_view name;
    ResultRule numeric_rule;
  };
  constexpr Operation kOperations[] = {{"add", ResultRule::kNumericAdd},
                                       {"subtract", ResultRule::kNumericAdd},
                                       {"multiply", ResultRule::kNumericMultiply},
                                       {"divide", ResultRule::kNumericDivide}};
  for (const Operation& op : kOperations) {
    for (TypeKind kind : {kSmallint, kInteger, kBigint, kReal, kDouble}) {
      table.Add(op.name, {kind, kind}, kind, kFallible);
    }
    // Of their own, as in PostgreSQL, so that integer with real computes in double precision.
    table.Add(op.name, {kReal, kDouble}, kDouble, kFallible);
    table.Add(op.name, {kDouble, kReal}, kDouble, kFallible);
    table.Add(op.name, {kNumeric, kNumeric}, kNull, {.fallible = true, .rule = op.numeric_rule});
  }
  for (std::string_view name : {"modulo", "mod"}) {
    for (TypeKind kind : {kSmallint, kInteger, kBigint}) {
      table.Add(name, {kind, kind}, kind, kFallible);
    }
    table.Add(name, {kNumeric, kNumeric}, kNull,
              {.fallible = true, .rule = ResultRule::kNumericModulo});
  }
  for (TypeKind kind : {kSmallint, kInteger, kBigint}) {
    table.Add("negate", {kind}, kind, kFallible);
  }
  for (TypeKind kind : {kReal, kDouble}) table.Add("negate", {kind}, kind);
  table.Add("negate", {kNumeric}, kNull, {.rule = ResultRule::kFirstArgument});
}

void AddComparisons(FunctionTable& table) {
  for (std::string_view name : {"eq", "ne", "lt", "le", "gt", "ge", "is_distinct_from"}) {
    SignatureTraits traits{.strict = name != "is_distinct_from"};
    for (TypeKind kind : {kBoolean, kSmallint, kInteger, kBigint, kReal, kDouble, kNumeric, kText,
                          kBytea, kDate, kTimestamp, kTimestamptz, kUuid}) {
      table.Add(name, {kind, kind}, kBoolean, traits);
    }
    table.Add(name, {kReal, kDouble}, kBoolean, traits);
    table.Add(name, {kDouble, kReal}, kBoolean, traits);
  }
}

void AddConcatenation(FunctionTable& table) {
  table.Add("concat_op", {kText, kText}, kText);
  table.Add("concat_op", {kBytea, kBytea}, kBytea);
  // PostgreSQL's text || anynonarray: the other side is cast to text.
  for (TypeKind kind : {kBoolean, kSmallint, kInteger, kBigint, kReal, kDouble, kNumeric, kDate,
                        kTimestamp, kTimestamptz, kUuid, kJsonb}) {
    table.Add("concat_op", {kText, kind}, kText);
    table.Add("concat_op", {kind, kText}, kText);
  }
}

}  // namespace

void AddOperatorFunctions(FunctionTable& table) {
  AddArithmetic(table);
  AddComparisons(table);
  AddConcatenation(table);
}

}  // namespace weir
