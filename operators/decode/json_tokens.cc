#include "operators/decode/json_tokens.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "simdjson.h"

namespace weir {
namespace {

constexpr size_t kMinCapacity = 256 << 10;
// Positions take four bytes per byte of text: what one huge record needed is given back.
constexpr size_t kKeptCapacity = 4 << 20;

}  // namespace

JsonTokens::JsonTokens() {
  // The fastest implementation for this machine, chosen once per process.
  simdjson::error_code error =
      simdjson::get_active_implementation()->create_dom_parser_implementation(
          kMinCapacity, simdjson::DEFAULT_MAX_DEPTH, stage_);
  WEIR_CHECK(error == simdjson::SUCCESS, simdjson::error_message(error));
  capacity_ = kMinCapacity;
}

JsonTokens::~JsonTokens() = default;

JsonTokens::Fault JsonTokens::Scan(const char* text, size_t size) {
  WEIR_CHECK(size < std::numeric_limits<uint32_t>::max(), "JSON text of ", size, " bytes");
  if (size > capacity_ || (capacity_ > kKeptCapacity && size <= kKeptCapacity)) {
    capacity_ = std::max(size, std::min(capacity_ * 2, kKeptCapacity));
    simdjson::error_code error = stage_->set_capacity(capacity_);
    WEIR_CHECK(error == simdjson::SUCCESS, simdjson::error_message(error));
  }
  none_[0] = none_[1] = static_cast<uint32_t>(size);
  positions_ = none_;
  if (size == 0) return Fault::kNone;
  switch (stage_->stage1(reinterpret_cast<const uint8_t*>(text), size,
                         simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS: {
      // There is room: simdjson keeps three entries of its own there.
      uint32_t* positions = stage_->structural_indexes.get();
      positions[stage_->n_structural_indexes] = static_cast<uint32_t>(size);
      positions[stage_->n_structural_indexes + 1] = static_cast<uint32_t>(size);
      positions_ = positions;
      return Fault::kNone;
    }
    case simdjson::EMPTY:
      return Fault::kNone;
    case simdjson::UTF8_ERROR:
      return Fault::kNotUtf8;
    case simdjson::UNCLOSED_STRING:
      return Fault::kUnclosedString;
    case simdjson::UNESCAPED_CHARS:
      return Fault::kControlCharacter;
    default:
      return Fault::kOther;
  }
}

}  // namespace weir
