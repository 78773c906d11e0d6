// Functions that take a piece of a text, or say where one is. Positions count characters from 1.
#include <algorithm>
#include <limits>
#include <string>

#include "operators/expr/kernel_registry.h"
#include "operators/expr/utf8.h"

namespace weir::expr {
namespace {

using enum TypeKind;

constexpr int64_t kToTheEnd = std::numeric_limits<int64_t>::max();

// Characters [start, start + length) that exist, `start` from 1 and maybe before the text.
std::string_view Characters(std::string_view text, int64_t start, int64_t length) {
  const int64_t end = length == kToTheEnd ? kToTheEnd : start + length;
  const int64_t first = std::max<int64_t>(start, 1);
  if (end <= first) return {};
  text.remove_prefix(BytesOfCharacters(text, first - 1));
  return end == kToTheEnd ? text : text.substr(0, BytesOfCharacters(text, end - first));
}

std::string_view Bytes(std::string_view text, int64_t start, int64_t length) {
  const int64_t end = length == kToTheEnd ? kToTheEnd : start + length;
  const int64_t first = std::max<int64_t>(start, 1);
  if (end <= first || first > static_cast<int64_t>(text.size())) return {};
  return text.substr(first - 1, end - first);
}

template <TypeKind kKind, std::string_view (*kPiece)(std::string_view, int64_t, int64_t)>
void AddSubstring(KernelRegistry& registry, std::string_view name) {
  registry.AddRows<kKind, kKind, kInteger>(
      name, [](std::string_view text, int32_t start, TextOutput& out) {
        out.Append(kPiece(text, start, kToTheEnd));
      });
  registry.AddRows<kKind, kKind, kInteger, kInteger>(
      name,
      [](std::string_view text, int32_t start, int32_t length, TextOutput& out, Failure& fail) {
        if (length < 0) return fail("negative substring length not allowed");
        out.Append(kPiece(text, start, length));
      });
}

// A negative count means all but that many at the other end.
void Left(std::string_view text, int32_t count, TextOutput& out) {
  const int64_t kept = count >= 0 ? count : CountCharacters(text) + count;
  out.Append(text.substr(0, BytesOfCharacters(text, kept)));
}

void Right(std::string_view text, int32_t count, TextOutput& out) {
  const int64_t dropped = count >= 0 ? CountCharacters(text) - count : -int64_t{count};
  text.remove_prefix(BytesOfCharacters(text, dropped));
  out.Append(text);
}

// The `index`-th piece between separators, from 1; from the end when negative.
void SplitPart(std::string_view text, std::string_view separator, int32_t index, TextOutput& out,
               Failure& fail) {
  if (index == 0) return fail("field position must not be zero");
  if (separator.empty()) {
    if (index == 1 || index == -1) out.Append(text);
    return;
  }
  for (int64_t skip = index > 0 ? index - 1 : -int64_t{index} - 1; skip > 0; --skip) {
    const size_t at = index > 0 ? text.find(separator) : text.rfind(separator);
    if (at == std::string_view::npos) return;
    text = index > 0 ? text.substr(at + separator.size()) : text.substr(0, at);
  }
  const size_t at = index > 0 ? text.find(separator) : text.rfind(separator);
  if (at == std::string_view::npos) return out.Append(text);
  out.Append(index > 0 ? text.substr(0, at) : text.substr(at + separator.size()));
}

int32_t Position(std::string_view text, std::string_view part) {
  const size_t at = text.find(part);
  if (at == std::string_view::npos) return 0;
  return static_cast<int32_t>(CountCharacters(text.substr(0, at))) + 1;
}

bool HasCharacter(std::string_view set, std::string_view character) {
  for (; !set.empty(); set.remove_prefix(std::min(set.size(), CharacterBytes(set[0])))) {
    if (FirstCharacter(set) == character) return true;
  }
  return false;
}

std::string_view LastCharacter(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (text[at] & 0xc0) == 0x80) --at;
  return text.substr(at);
}

template <bool kLeft, bool kRight>
void TrimSet(std::string_view text, std::string_view set, TextOutput& out) {
  while (kLeft && !text.empty() && HasCharacter(set, FirstCharacter(text))) {
    text.remove_prefix(std::min(text.size(), CharacterBytes(text[0])));
  }
  while (kRight && !text.empty() && HasCharacter(set, LastCharacter(text))) {
    text.remove_suffix(LastCharacter(text).size());
  }
  out.Append(text);
}

template <bool kLeft, bool kRight>
void AddTrim(KernelRegistry& registry, std::string_view name) {
  registry.AddRows<kText, kText>(
      name, [](std::string_view text, TextOutput& out) { TrimSet<kLeft, kRight>(text, " ", out); });
  registry.AddRows<kText, kText, kText>(name, TrimSet<kLeft, kRight>);
}

}  // namespace

void AddTextPieceKernels(KernelRegistry& registry) {
  for (const char* name : {"substring", "substr"}) {
    AddSubstring<kText, Characters>(registry, name);
    AddSubstring<kBytea, Bytes>(registry, name);
  }
  registry.AddRows<kText, kText, kInteger>("left", Left);
  registry.AddRows<kText, kText, kInteger>("right", Right);
  registry.AddRows<kText, kText, kText, kInteger>("split_part", SplitPart);
  registry.AddRows<kBoolean, kText, kText>(
      "starts_with",
      [](std::string_view text, std::string_view start) { return text.starts_with(start); });
  for (const char* name : {"strpos", "position"}) {
    registry.AddRows<kInteger, kText, kText>(name, Position);
  }
  AddTrim<true, true>(registry, "trim");
  AddTrim<true, true>(registry, "btrim");
  AddTrim<true, false>(registry, "ltrim");
  AddTrim<false, true>(registry, "rtrim");
}

}  // namespace weir::expr
