// Casts from and to text, by each type's text form.
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "operators/expr/casts.h"
#include "operators/expr/json_text.h"
#include "operators/expr/utf8.h"
#include "operators/expr/value_text.h"

namespace weir::expr {
namespace {

using enum TypeKind;

constexpr size_t kMaxQuoted = 100;  // characters of a bad text that a message repeats

std::string Quoted(std::string_view text) {
  const size_t bytes = BytesOfCharacters(text, kMaxQuoted);
  return absl::StrCat("\"", AbslView(text.substr(0, bytes)), bytes < text.size() ? "..." : "",
                      "\"");
}

void FailSyntax(const DataType& type, std::string_view text, Failure& fail) {
  fail(absl::StrCat("invalid input syntax for type ", TypeName(type), ": ", Quoted(text)));
}

void FailNumber(NumberParse parsed, const DataType& type, std::string_view text, Failure& fail) {
  if (parsed == NumberParse::kOk) return;
  if (parsed == NumberParse::kSyntax) return FailSyntax(type, text, fail);
  const bool floating = type.kind == kReal || type.kind == kDouble;
  if (type.kind == kNumeric) return fail(NumericOverflow(type));
  fail(absl::StrCat(floating ? "" : "value ", Quoted(text), " is out of range for type ",
                    TypeName(type)));
}

void FailTime(TimeParse parsed, const DataType& type, std::string_view text, Failure& fail) {
  if (parsed == TimeParse::kOk) return;
  if (parsed == TimeParse::kSyntax) return FailSyntax(type, text, fail);
  fail(absl::StrCat("date/time field value out of range: ", Quoted(text)));
}

template <class T>
T IntegerFromText(const DataType& type, std::string_view text, Failure& fail) {
  int64_t value = 0;
  FailNumber(
      ParseInteger(text, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), &value),
      type, text, fail);
  return static_cast<T>(value);
}

// 32 hexadecimal digits, braces around and a hyphen behind each four allowed.
bool NormaliseUuid(std::string_view text, char (&out)[36]) {
  if (text.starts_with('{')) {
    if (!text.ends_with('}')) return false;
    text = text.substr(1, text.size() - 2);
  }
  int digits = 0;
  char* p = out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '-' && digits > 0 && digits % 4 == 0 && digits < 32 && text[i - 1] != '-') continue;
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || digits == 32) return false;
    if (digits == 8 || digits == 12 || digits == 16 || digits == 20) *p++ = '-';
    *p++ = c;
    ++digits;
  }
  return digits == 32;
}

void BytesFromText(std::string_view text, TextOutput& out, Failure& fail) {
  const std::string error = text.starts_with("\\x") ? AppendHexDecoded(text.substr(2), &out.bytes())
                                                    : AppendUnescaped(text, &out.bytes());
  if (!error.empty()) fail(error);
}

template <TypeKind kTo>
std::unique_ptr<Kernel> MakeValueFromText(const DataType& to) {
  return MakeRowKernel<kTo, kText>(
      to, [to](std::string_view text, Failure& fail) { return FromText<kTo>(to, text, fail); });
}

template <TypeKind kFrom>
std::unique_ptr<Kernel> MakeTextOf(const DataType& from, const DataType& to) {
  return MakeRowKernel<kText, kFrom>(to, [from](CppType<kFrom> value, TextOutput& out) {
    AppendText<kFrom>(from, value, &out.bytes());
  });
}

std::unique_ptr<Kernel> MakeUuidFromText(const DataType& to) {
  return MakeRowKernel<kUuid, kText>(to,
                                     [to](std::string_view text, TextOutput& out, Failure& fail) {
                                       char normal[36];
                                       if (!NormaliseUuid(text, normal))
                                         return FailSyntax(to, text, fail);
                                       out.Append(std::string_view(normal, sizeof normal));
                                     });
}

std::unique_ptr<Kernel> MakeJsonFromText(const DataType& to) {
  return MakeRowKernel<kJsonb, kText>(
      to, [](std::string_view text, TextOutput& out, Failure& fail) {
        if (!IsJson(text)) return fail("invalid input syntax for type json: " + Quoted(text));
        out.Append(text);
      });
}

// The value of a JSON scalar of the kind that the target needs.
template <TypeKind kTo>
std::unique_ptr<Kernel> MakeFromJson(const DataType& to) {
  return MakeRowKernel<kTo, kJsonb>(to, [to](std::string_view json, Failure& fail) -> CppType<kTo> {
    const char* wanted = kTo == kBoolean ? "boolean" : "numeric";
    const char* kind = JsonKind(json);
    if (std::strcmp(kind, wanted) != 0) {
      fail(absl::StrCat("cannot cast jsonb ", kind, " to type ", TypeName(to)));
      return CppType<kTo>{};
    }
    if constexpr (kTo == kSmallint || kTo == kInteger || kTo == kBigint) {
      // JSON numbers are numeric: 1.5 rounds, 1e3 is an integer.
      Int128 whole = 0;
      const NumberParse parsed = ParseNumeric(json, DataType::Numeric(kMaxDigits, 0), &whole);
      using T = CppType<kTo>;
      if (parsed == NumberParse::kOk && whole >= std::numeric_limits<T>::min() &&
          whole <= std::numeric_limits<T>::max()) {
        return static_cast<T>(whole);
      }
      fail(TypeName(to) + " out of range");
      return 0;
    } else {
      return FromText<kTo>(to, json, fail);
    }
  });
}

}  // namespace

std::string TypeName(const DataType& type) {
  if (type.kind == kNumeric) return "numeric";
  return type.kind == kTimestamp ? "timestamp" : ToString(type);
}

template <TypeKind kKind>
CppType<kKind> FromText(const DataType& type, std::string_view text, Failure& fail) {
  CppType<kKind> value{};
  if constexpr (kKind == kBoolean) {
    if (!ParseBoolean(text, &value)) FailSyntax(type, text, fail);
  } else if constexpr (kKind == kSmallint || kKind == kInteger || kKind == kBigint) {
    value = IntegerFromText<CppType<kKind>>(type, text, fail);
  } else if constexpr (kKind == kReal) {
    FailNumber(ParseReal(text, &value), type, text, fail);
  } else if constexpr (kKind == kDouble) {
    FailNumber(ParseDouble(text, &value), type, text, fail);
  } else if constexpr (kKind == kNumeric) {
    FailNumber(ParseNumeric(text, type, &value), type, text, fail);
  } else if constexpr (kKind == kDate) {
    FailTime(ParseDate(text, &value), type, text, fail);
  } else if constexpr (kKind == kTimestamp) {
    FailTime(ParseTimestamp(text, &value), type, text, fail);
  } else {
    static_assert(kKind == kTimestamptz);
    FailTime(ParseTimestamptz(text, &value), type, text, fail);
  }
  return value;
}

std::unique_ptr<Kernel> MakeFromTextCast(const DataType& from, const DataType& to) {
  if (from.kind != kText) return nullptr;
  switch (to.kind) {
    case kBoolean:
      return MakeValueFromText<kBoolean>(to);
    case kSmallint:
      return MakeValueFromText<kSmallint>(to);
    case kInteger:
      return MakeValueFromText<kInteger>(to);
    case kBigint:
      return MakeValueFromText<kBigint>(to);
    case kReal:
      return MakeValueFromText<kReal>(to);
    case kDouble:
      return MakeValueFromText<kDouble>(to);
    case kNumeric:
      return MakeValueFromText<kNumeric>(to);
    case kDate:
      return MakeValueFromText<kDate>(to);
    case kTimestamp:
      return MakeValueFromText<kTimestamp>(to);
    case kTimestamptz:
      return MakeValueFromText<kTimestamptz>(to);
    case kBytea:
      return MakeRowKernel<kBytea, kText>(to, BytesFromText);
    case kUuid:
      return MakeUuidFromText(to);
    case kJsonb:
      return MakeJsonFromText(to);
    case kNull:
    case kText:
    case kInterval:
      break;
  }
  return nullptr;
}

std::unique_ptr<Kernel> MakeToTextCast(const DataType& from, const DataType& to) {
  if (to.kind != kText) return nullptr;
  switch (from.kind) {
    case kBoolean:
      return MakeTextOf<kBoolean>(from, to);
    case kSmallint:
      return MakeTextOf<kSmallint>(from, to);
    case kInteger:
      return MakeTextOf<kInteger>(from, to);
    case kBigint:
      return MakeTextOf<kBigint>(from, to);
    case kReal:
      return MakeTextOf<kReal>(from, to);
    case kDouble:
      return MakeTextOf<kDouble>(from, to);
    case kNumeric:
      return MakeTextOf<kNumeric>(from, to);
    case kDate:
      return MakeTextOf<kDate>(from, to);
    case kTimestamp:
      return MakeTextOf<kTimestamp>(from, to);
    case kTimestamptz:
      return MakeTextOf<kTimestamptz>(from, to);
    case kBytea:
      return MakeTextOf<kBytea>(from, to);
    case kNull:
    case kText:
    case kUuid:  // lie in a batch as their text
    case kJsonb:
    case kInterval:
      break;
  }
  return nullptr;
}

std::unique_ptr<Kernel> MakeJsonCast(const DataType& to) {
  switch (to.kind) {
    case kBoolean:
      return MakeFromJson<kBoolean>(to);
    case kSmallint:
      return MakeFromJson<kSmallint>(to);
    case kInteger:
      return MakeFromJson<kInteger>(to);
    case kBigint:
      return MakeFromJson<kBigint>(to);
    case kReal:
      return MakeFromJson<kReal>(to);
    case kDouble:
      return MakeFromJson<kDouble>(to);
    case kNumeric:
      return MakeFromJson<kNumeric>(to);
    default:  // CastAllowed has no others.
      return nullptr;
  }
}

}  // namespace weir::expr
