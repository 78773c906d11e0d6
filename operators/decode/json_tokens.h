// Where the tokens of JSON text begin: simdjson's first stage, over many records in one pass.
#ifndef WEIR_OPERATORS_DECODE_JSON_TOKENS_H_
#define WEIR_OPERATORS_DECODE_JSON_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace simdjson::internal {
class dom_parser_implementation;
}

namespace weir {

// A token is one of { } [ ] : , or the start of a string, number or literal. The pass also checks
// that the text is UTF-8, that strings are closed, and that they hold no control characters.
//
// Why stage 1 alone and not simdjson's document stream: tokens know nothing of documents, so a
// record that isn't JSON is found and left behind by its own bounds and spoils no other, except for
// the three faults above, which fail the whole text; and every value, wanted or not, is checked.
class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();

  enum class Fault { kNone, kNotUtf8, kUnclosedString, kControlCharacter, kOther };
  // Finds the tokens of text[0, size). Reads nothing behind. size < 4 GB.
  Fault Scan(const char* text, size_t size);

  // Positions in the text, ascending, then two entries of `size`.
  const uint32_t* begin() const { return positions_; }

 private:
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stage_;
  size_t capacity_ = 0;
  const uint32_t* positions_ = nullptr;
  uint32_t none_[2] = {0, 0};
};

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_TOKENS_H_
