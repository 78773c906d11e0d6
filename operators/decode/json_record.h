// One record: from tokens to values of columns.
#ifndef WEIR_OPERATORS_DECODE_JSON_RECORD_H_
#define WEIR_OPERATORS_DECODE_JSON_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "operators/decode/json_column.h"
#include "operators/decode/json_keys.h"

namespace weir {

// A value (columns apart): walks the tokens of one JSON object, checks all of it, and sets the
// columns that its keys name.
class JsonRecordParser {
 public:
  // Both outlive the parser. Targets of `keys` index `columns`.
  JsonRecordParser(JsonKeys* keys, std::vector<JsonColumn>* columns);

  // Parses the record text[begin, end). `tokens` points at its first token (or behind it, when it
  // has none). `escapes`: a backslash may occur in it. Returns the first token behind the record's
  // value; on failure nullptr, and reason() and message() say what is wrong.
  // REQUIRES: text[end] is '\n', and so is the byte that the last of the tokens points at; 16
  // readable bytes behind both.
  const uint32_t* Parse(const char* text, const uint32_t* tokens, uint32_t begin, uint32_t end,
                        bool escapes);

  const char* reason() const { return reason_; }
  const std::string& message() const { return message_; }

 private:
  // Each takes the token it begins at and returns the one behind what it consumed, or nullptr.
  const uint32_t* Object(const uint32_t* t);
  // Key and colon; the key's text is [*key, *close).
  const uint32_t* Key(const uint32_t* t, const char** key, const char** close);
  const uint32_t* Value(const uint32_t* t, JsonColumn* column);
  const uint32_t* String(const uint32_t* t, JsonColumn* column);
  const uint32_t* Number(const uint32_t* t, JsonColumn* column);
  const uint32_t* Literal(const uint32_t* t, JsonColumn* column);
  const uint32_t* Container(const uint32_t* t, JsonColumn* column);
  // The tokens of an array or object, nested ones included.
  const uint32_t* Skip(const uint32_t* t);

  // The closing quote of the string whose token is `t`; nullptr when the text ends first.
  const char* ClosingQuote(const uint32_t* t) const;
  // Only white space at [from, to).
  static bool Blank(const char* from, const char* to);
  const uint32_t* Syntax(uint32_t at, std::string_view expected);
  std::string Found(uint32_t at) const;

  JsonKeys* const keys_;
  std::vector<JsonColumn>* const columns_;
  const char* text_ = nullptr;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
  bool escapes_ = false;
  const char* reason_ = nullptr;
  std::string message_;
  std::vector<char> nesting_;  // '{' or '[' of each open container
};

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_RECORD_H_
