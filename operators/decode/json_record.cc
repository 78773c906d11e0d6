#include "operators/decode/json_record.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "operators/bad_rows.h"
#include "operators/decode/json_string.h"

namespace weir {
namespace {

constexpr size_t kMaxNesting = 1024;

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

JsonRecordParser::JsonRecordParser(JsonKeys* keys, std::vector<JsonColumn>* columns)
    : keys_(keys), columns_(columns) {}

const uint32_t* JsonRecordParser::Parse(const char* text, const uint32_t* tokens, uint32_t begin,
                                        uint32_t end, bool escapes) {
  text_ = text;
  begin_ = begin;
  end_ = end;
  escapes_ = escapes;
  const uint32_t first = *tokens;
  if (first >= end) return Syntax(end, "an object");
  const bool is_object = text[first] == '{';
  const uint32_t* t = is_object ? Object(tokens) : Value(tokens, nullptr);
  if (t == nullptr) return nullptr;
  // A value that isn't closed here was continued by the next record's tokens.
  if (t[-1] >= end) return Syntax(end, "the end of an object or array");
  if (*t < end) return Syntax(*t, "the end of the record");
  if (!is_object) {
    reason_ = kBadType;
    message_ = absl::StrCat("the record is ", Found(first), ", accepted: an object");
    return nullptr;
  }
  return t;
}

const uint32_t* JsonRecordParser::Object(const uint32_t* t) {
  if (text_[*++t] == '}') return t + 1;
  JsonKeys::Place place = JsonKeys::kStart;
  for (;;) {
    const char* key = nullptr;
    const char* close = nullptr;
    t = Key(t, &key, &close);
    if (t == nullptr) return nullptr;
    const int target = keys_->Find(key, close, &place);
    t = Value(t, target < 0 ? nullptr : &(*columns_)[static_cast<size_t>(target)]);
    if (t == nullptr) return nullptr;
    const char c = text_[*t++];
    if (c == '}') return t;
    if (c != ',') return Syntax(t[-1], "\",\" or \"}\"");
  }
}

inline const uint32_t* JsonRecordParser::Key(const uint32_t* t, const char** key,
                                             const char** close) {
  if (text_[*t] != '"') return Syntax(*t, "a key in quotes");
  *key = text_ + *t + 1;
  *close = ClosingQuote(t);
  if (*close == nullptr || text_[t[1]] != ':') return Syntax(t[1], "\":\"");
  if (escapes_ && !ValidJsonEscapes({*key, static_cast<size_t>(*close - *key)})) {
    return Syntax(*t, "valid escapes");
  }
  return t + 2;
}

inline const uint32_t* JsonRecordParser::Value(const uint32_t* t, JsonColumn* column) {
  const char c = text_[*t];
  switch (c) {
    case '"':
      return String(t, column);
    case '{':
    case '[':
      return Container(t, column);
    case 't':
    case 'f':
    case 'n':
      return Literal(t, column);
    default:
      return Number(t, column);
  }
}

inline const uint32_t* JsonRecordParser::String(const uint32_t* t, JsonColumn* column) {
  const char* open = text_ + *t;
  const char* close = ClosingQuote(t);
  if (close == nullptr) return Syntax(t[1], "the end of a string");
  if (escapes_ && !ValidJsonEscapes({open + 1, static_cast<size_t>(close - open - 1)})) {
    return Syntax(*t, "valid escapes");
  }
  if (column != nullptr) {
    column->SetString({open, static_cast<size_t>(close + 1 - open)}, escapes_);
  }
  return t + 1;
}

inline const uint32_t* JsonRecordParser::Number(const uint32_t* t, JsonColumn* column) {
  JsonNumber number;
  if (!ScanJsonNumber(text_ + *t, &number)) return Syntax(*t, "a value");
  const char* behind = number.text.data() + number.text.size();
  if (behind != text_ + t[1] && !Blank(behind, text_ + t[1])) return Syntax(*t, "a number");
  if (column != nullptr) column->SetNumber(number);
  return t + 1;
}

const uint32_t* JsonRecordParser::Literal(const uint32_t* t, JsonColumn* column) {
  const char* begin = text_ + *t;
  const char* next = text_ + t[1];
  const std::string_view word = *begin == 't' ? "true" : *begin == 'f' ? "false" : "null";
  if (static_cast<size_t>(next - begin) < word.size() ||
      std::memcmp(begin, word.data(), word.size()) != 0 || !Blank(begin + word.size(), next)) {
    return Syntax(*t, "a value");
  }
  if (column != nullptr) {
    if (*begin == 'n') {
      column->SetNull();
    } else {
      column->SetBoolean(*begin == 't', word);
    }
  }
  return t + 1;
}

const uint32_t* JsonRecordParser::Container(const uint32_t* t, JsonColumn* column) {
  const uint32_t* behind = Skip(t);
  if (behind != nullptr && column != nullptr && behind[-1] < end_) {
    column->SetContainer({text_ + *t, behind[-1] + 1 - *t});
  }
  return behind;
}

// Iterative: data from outside must not decide how deep our stack grows.
const uint32_t* JsonRecordParser::Skip(const uint32_t* t) {
  const char* key = nullptr;
  const char* close = nullptr;
  nesting_.clear();
  for (;;) {  // At a value.
    const char open = text_[*t];
    if (open == '{' || open == '[') {
      if (nesting_.size() == kMaxNesting) return Syntax(*t, "at most 1024 levels of nesting");
      ++t;
      if (text_[*t] != (open == '{' ? '}' : ']')) {
        nesting_.push_back(open);
        if (open == '{') t = Key(t, &key, &close);
        if (t == nullptr) return nullptr;
        continue;
      }
      ++t;  // Empty.
    } else {
      t = open == '"'                                 ? String(t, nullptr)
          : open == 't' || open == 'f' || open == 'n' ? Literal(t, nullptr)
                                                      : Number(t, nullptr);
      if (t == nullptr) return nullptr;
    }
    for (;;) {  // Behind a value.
      if (nesting_.empty()) return t;
      const bool object = nesting_.back() == '{';
      const char c = text_[*t++];
      if (c == ',') {
        if (object) t = Key(t, &key, &close);
        if (t == nullptr) return nullptr;
        break;
      }
      if (c != (object ? '}' : ']')) {
        return Syntax(t[-1], object ? "\",\" or \"}\"" : "\",\" or \"]\"");
      }
      nesting_.pop_back();
    }
  }
}

inline const char* JsonRecordParser::ClosingQuote(const uint32_t* t) const {
  // Between a string's token and the next there is nothing but the string and white space: anything
  // else would be a token.
  const char* last = text_ + t[1] - 1;
  while (IsSpace(*last)) --last;
  return *last == '"' && last > text_ + *t ? last : nullptr;
}

bool JsonRecordParser::Blank(const char* from, const char* to) {
  return std::all_of(from, to, IsSpace);
}

const uint32_t* JsonRecordParser::Syntax(uint32_t at, std::string_view expected) {
  reason_ = kBadSyntax;
  message_ = absl::StrCat("not JSON: at byte ", std::min(at, end_) - begin_ + 1, " found ",
                          Found(at), ", expected ", AbslView(expected));
  return nullptr;
}

std::string JsonRecordParser::Found(uint32_t at) const {
  if (at >= end_) return begin_ == end_ ? "nothing" : "the end of the record";
  return Excerpt(std::string_view(text_ + at, end_ - at));
}

}  // namespace weir
