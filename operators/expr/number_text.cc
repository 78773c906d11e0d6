#include "operators/expr/number_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace weir::expr {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (Lower(text[i]) != lower[i]) return false;
  }
  return true;
}

// `text` is a beginning of `lower` of at least `min` characters.
bool IsPrefixIgnoringCase(std::string_view text, std::string_view lower, size_t min) {
  return text.size() >= min && text.size() <= lower.size() &&
         EqualsIgnoringCase(text, lower.substr(0, text.size()));
}

template <class Float>
NumberParse ParseFloat(std::string_view text, Float* out) {
  text = Trim(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
    if (!text.empty() && (text[0] == '+' || text[0] == '-')) return NumberParse::kSyntax;
  }
  if (EqualsIgnoringCase(text, "inf") || EqualsIgnoringCase(text, "infinity")) {
    *out = std::numeric_limits<Float>::infinity();
  } else if (EqualsIgnoringCase(text, "nan")) {
    *out = std::numeric_limits<Float>::quiet_NaN();
    return NumberParse::kOk;
  } else {
    // from_chars takes words as well, but only those above are PostgreSQL's.
    if (text.empty() || (text[0] != '.' && (text[0] < '0' || text[0] > '9'))) {
      return NumberParse::kSyntax;
    }
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
      return NumberParse::kSyntax;
    }
    if (error == std::errc::result_out_of_range) return NumberParse::kRange;
  }
  if (negative) *out = -*out;
  return NumberParse::kOk;
}

// Shortest digits may lie exactly between two numbers, and read back by the rule of rounding to
// even. PostgreSQL doesn't rely on that and prints a digit more.
template <class Wider, class Float>
bool IsHalfway(std::string_view digits, Float value) {
  Wider read = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), read);
  if (read == static_cast<Wider>(value)) return false;
  const Float limit = std::numeric_limits<Float>::infinity();
  const Float neighbour = std::nextafter(value, read > static_cast<Wider>(value) ? limit : -limit);
  return read == (static_cast<Wider>(value) + static_cast<Wider>(neighbour)) / 2;
}

// to_chars gives the shortest digits; their layout is PostgreSQL's: an exponent outside of
// -4 <= exponent < `digits_max`, with a sign and two digits at least.
template <class Wider, class Float>
std::string FormatFloat(Float value, int digits_max) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  char buffer[40];
  auto scientific =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, scientific.ptr - buffer);
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t digits_at = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + digits_at, text.data() + text.size(), exponent);
  if (exponent >= -4 && exponent < digits_max) {
    auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
    return std::string(buffer, fixed.ptr);
  }
  // Only numbers this large or small have a shortest form that is halfway.
  if (IsHalfway<Wider>(text, value)) {
    const int before_places = value < 0 ? 3 : 2;  // "-1."
    const int places = std::max(0, static_cast<int>(e) - before_places);
    scientific = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific,
                               places + 1);
  }
  return std::string(buffer, scientific.ptr);
}

}  // namespace

NumberParse ParseInteger(std::string_view text, int64_t min, int64_t max, int64_t* out) {
  text = Trim(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return NumberParse::kSyntax;
  }
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
    return NumberParse::kSyntax;
  }
  if (error == std::errc::result_out_of_range) return NumberParse::kRange;
  return *out >= min && *out <= max ? NumberParse::kOk : NumberParse::kRange;
}

NumberParse ParseDouble(std::string_view text, double* out) { return ParseFloat(text, out); }
NumberParse ParseReal(std::string_view text, float* out) { return ParseFloat(text, out); }
std::string FormatDouble(double value) { return FormatFloat<long double>(value, 15); }
std::string FormatReal(float value) { return FormatFloat<double>(value, 6); }

bool ParseBoolean(std::string_view text, bool* out) {
  text = Trim(text);
  *out = text == "1" || IsPrefixIgnoringCase(text, "true", 1) ||
         IsPrefixIgnoringCase(text, "yes", 1) || IsPrefixIgnoringCase(text, "on", 2);
  if (*out) return true;
  return text == "0" || IsPrefixIgnoringCase(text, "false", 1) ||
         IsPrefixIgnoringCase(text, "no", 1) || IsPrefixIgnoringCase(text, "off", 2);
}

}  // namespace weir::expr
