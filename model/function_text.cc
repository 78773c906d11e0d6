// Signatures of functions over text and bytes.
#include "model/function_table.h"

namespace weir {
namespace {

using enum TypeKind;

constexpr SignatureTraits kFallible{.fallible = true};

void AddPatterns(FunctionTable& table) {
  for (std::string_view name : {"like", "ilike"}) {
    table.Add(name, {kText, kText}, kBoolean, kFallible);
    table.Add(name, {kText, kText, kText}, kBoolean, kFallible);  // third: the escape character
  }
  table.Add("regexp_like", {kText, kText}, kBoolean, kFallible);
  table.Add("regexp_like", {kText, kText, kText}, kBoolean, kFallible);
  table.Add("regexp_replace", {kText, kText, kText}, kText, kFallible);
  table.Add("regexp_replace", {kText, kText, kText, kText}, kText, kFallible);
}

void AddPieces(FunctionTable& table) {
  for (std::string_view name : {"trim", "btrim", "ltrim", "rtrim"}) {
    table.Add(name, {kText}, kText);
    table.Add(name, {kText, kText}, kText);
  }
  for (std::string_view name : {"substring", "substr"}) {
    table.Add(name, {kText, kInteger}, kText);
    table.Add(name, {kText, kInteger, kInteger}, kText, kFallible);
    table.Add(name, {kBytea, kInteger}, kBytea);
    table.Add(name, {kBytea, kInteger, kInteger}, kBytea, kFallible);
  }
  for (std::string_view name : {"left", "right"}) table.Add(name, {kText, kInteger}, kText);
  table.Add("split_part", {kText, kText, kInteger}, kText, kFallible);
  table.Add("starts_with", {kText, kText}, kBoolean);
  for (std::string_view name : {"strpos", "position"}) {
    table.Add(name, {kText, kText}, kInteger);  // (text, what to look for)
  }
}

}  // namespace

void AddTextFunctions(FunctionTable& table) {
  for (std::string_view name : {"lower", "upper", "initcap", "reverse", "md5"}) {
    table.Add(name, {kText}, kText);
  }
  table.Add("md5", {kBytea}, kText);
  table.Add("sha256", {kBytea}, kBytea);
  for (std::string_view name : {"length", "char_length", "character_length", "octet_length"}) {
    table.Add(name, {kText}, kInteger);
  }
  for (std::string_view name : {"length", "octet_length"}) table.Add(name, {kBytea}, kInteger);
  AddPieces(table);
  AddPatterns(table);
  table.Add("replace", {kText, kText, kText}, kText, kFallible);
  table.Add("translate", {kText, kText, kText}, kText);
  table.Add("repeat", {kText, kInteger}, kText, kFallible);
  for (std::string_view name : {"lpad", "rpad"}) {
    table.Add(name, {kText, kInteger}, kText, kFallible);
    table.Add(name, {kText, kInteger, kText}, kText, kFallible);
  }
  // Other types are cast to text by `sql/`, explicitly.
  table.Add("concat", {kText}, kText, {.strict = false, .variadic = true});
  table.Add("concat_ws", {kText, kText}, kText, {.strict = false, .variadic = true});
  table.Add("encode", {kBytea, kText}, kText, kFallible);
  table.Add("decode", {kText, kText}, kBytea, kFallible);
}

}  // namespace weir
