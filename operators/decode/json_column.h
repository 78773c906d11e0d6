// A column of a JSON source: what values it takes and what it says about others.
#ifndef WEIR_OPERATORS_DECODE_JSON_COLUMN_H_
#define WEIR_OPERATORS_DECODE_JSON_COLUMN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "model/plan.h"
#include "model/types.h"
#include "operators/decode/column_writer.h"
#include "operators/decode/json_number.h"

namespace weir {

// `text` for an error message: short, printable, in quotes.
std::string Excerpt(std::string_view text);

// Holds at most one value at a time, for the open row; what comes last counts. A value that doesn't
// fit is remembered, not reported: a later duplicate of its key may still replace it.
class JsonColumn {
 public:
  JsonColumn(const Column& column, TimestampUnit unit);

  enum class State : uint8_t {
    kAbsent,  // no key for it so far
    kNull,
    kValue,
    kBad,  // reason(), message()
  };

  // `text` is the token or the whole value as written.
  void SetNull() { state_ = State::kNull; }
  void SetBoolean(bool value, std::string_view text);
  void SetNumber(const JsonNumber& number);
  // `text` has its quotes; kSlack readable bytes follow it. `escapes`: a backslash may be in it,
  // and those that are, are valid.
  void SetString(std::string_view text, bool escapes);
  void SetContainer(std::string_view text);

  State state() const { return state_; }
  const char* reason() const { return reason_; }
  const std::string& message() const { return message_; }
  const Column& column() const { return column_; }
  ColumnWriter& writer() { return writer_; }
  const ColumnWriter& writer() const { return writer_; }

  // Closes the row with the value, or NULL. REQUIRES: state is not kBad.
  void CloseRow() {
    writer_.CloseRow(state_ == State::kValue);
    state_ = State::kAbsent;
  }
  void DropRow() { state_ = State::kAbsent; }

 private:
  void SetInteger(const JsonNumber& number, int64_t min, int64_t max);
  void SetIntegerTime(const JsonNumber& number);
  void SetTime(std::string_view text, std::string_view token);
  void SetDate(std::string_view text, std::string_view token);
  void SetText(std::string_view raw, bool escapes, std::string_view token);
  void WrongType(std::string_view found);
  void OutOfRange(std::string_view found);
  void Bad(const char* reason, std::string_view found);
  std::string Accepted() const;

  const Column column_;
  const TimestampUnit unit_;
  State state_ = State::kAbsent;
  ColumnWriter writer_;

  // The date of the last time: times come in runs of one day.
  char last_date_[10] = {};
  int64_t last_date_us_ = 0;

  const char* reason_ = nullptr;
  std::string message_;
  std::string unescaped_;
};

}  // namespace weir

#endif  // WEIR_OPERATORS_DECODE_JSON_COLUMN_H_
