// Functions that make text of whole texts: case, padding, replacing.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "operators/expr/kernel_registry.h"
#include "operators/expr/utf8.h"

namespace weir::expr {
namespace {

using enum TypeKind;

// PostgreSQL allows 1 GiB for a value; a batch of such would end the process.
constexpr int64_t kMaxTextBytes = int64_t{64} << 20;
constexpr char kTooLarge[] = "requested length too large";

void InitialCapitals(std::string_view text, TextOutput& out) {
  bool inside = false;
  while (!text.empty()) {
    const std::string_view character = FirstCharacter(text);
    const char32_t code = DecodeCharacter(character);
    AppendCharacter(inside ? LowerCharacter(code) : UpperCharacter(code), &out.bytes());
    inside = IsAlphanumeric(code);
    text.remove_prefix(character.size());
  }
}

void Reverse(std::string_view text, TextOutput& out) {
  std::string& bytes = out.bytes();
  const size_t begin = bytes.size();
  bytes.resize(begin + text.size());
  size_t at = bytes.size();
  while (!text.empty()) {
    const std::string_view character = FirstCharacter(text);
    at -= character.size();
    character.copy(bytes.data() + at, character.size());
    text.remove_prefix(character.size());
  }
}

void Repeat(std::string_view text, int32_t count, TextOutput& out, Failure& fail) {
  if (count <= 0) return;
  if (static_cast<int64_t>(text.size()) * count > kMaxTextBytes) return fail(kTooLarge);
  for (int32_t i = 0; i < count; ++i) out.Append(text);
}

void Replace(std::string_view text, std::string_view from, std::string_view to, TextOutput& out,
             Failure& fail) {
  if (from.empty()) return out.Append(text);
  const size_t begin = out.bytes().size();
  for (size_t found; (found = text.find(from)) != std::string_view::npos;) {
    out.Append(text.substr(0, found));
    out.Append(to);
    text.remove_prefix(found + from.size());
    if (static_cast<int64_t>(out.bytes().size() - begin) > kMaxTextBytes) return fail(kTooLarge);
  }
  out.Append(text);
}

// Each character of `from` becomes the one at its place in `to`, or goes when there is none.
void Translate(std::string_view text, std::string_view from, std::string_view to, TextOutput& out) {
  absl::flat_hash_map<std::string, std::string_view> map;
  while (!from.empty()) {
    const std::string_view key = FirstCharacter(from);
    const std::string_view value = to.empty() ? to : FirstCharacter(to);
    map.try_emplace(std::string(key), value);  // the first of equal characters counts
    from.remove_prefix(key.size());
    to.remove_prefix(value.size());
  }
  while (!text.empty()) {
    const std::string_view character = FirstCharacter(text);
    auto found = map.find(std::string(character));
    out.Append(found == map.end() ? character : found->second);
    text.remove_prefix(character.size());
  }
}

// `length` characters of `fill`, repeated.
void AppendFill(std::string_view fill, int64_t length, TextOutput& out) {
  const int64_t characters = CountCharacters(fill);
  for (; length >= characters; length -= characters) out.Append(fill);
  out.Append(fill.substr(0, BytesOfCharacters(fill, length)));
}

template <bool kLeft>
void Pad(std::string_view text, int32_t length, std::string_view fill, TextOutput& out,
         Failure& fail) {
  const int64_t wanted = std::max(length, 0);
  if (wanted > kMaxTextBytes / 4) return fail(kTooLarge);
  const int64_t missing = wanted - CountCharacters(text);
  if (missing < 0) text = text.substr(0, BytesOfCharacters(text, wanted));
  if (!kLeft) out.Append(text);
  if (missing > 0 && !fill.empty()) AppendFill(fill, missing, out);
  if (kLeft) out.Append(text);
}

template <bool kLeft>
void AddPad(KernelRegistry& registry, std::string_view name) {
  registry.AddRows<kText, kText, kInteger, kText>(name, Pad<kLeft>);
  registry.AddRows<kText, kText, kInteger>(
      name, [](std::string_view text, int32_t length, TextOutput& out, Failure& fail) {
        Pad<kLeft>(text, length, " ", out, fail);
      });
}

}  // namespace

void AddTextKernels(KernelRegistry& registry) {
  registry.AddRows<kText, kText>(
      "lower", [](std::string_view text, TextOutput& out) { AppendLower(text, &out.bytes()); });
  registry.AddRows<kText, kText>(
      "upper", [](std::string_view text, TextOutput& out) { AppendUpper(text, &out.bytes()); });
  registry.AddRows<kText, kText>("initcap", InitialCapitals);
  registry.AddRows<kText, kText>("reverse", Reverse);
  registry.AddRows<kText, kText, kInteger>("repeat", Repeat);
  registry.AddRows<kText, kText, kText, kText>("replace", Replace);
  registry.AddRows<kText, kText, kText, kText>("translate", Translate);
  AddPad<true>(registry, "lpad");
  AddPad<false>(registry, "rpad");
  for (const char* name : {"length", "char_length", "character_length"}) {
    registry.AddRows<kInteger, kText>(
        name, [](std::string_view text) { return static_cast<int32_t>(CountCharacters(text)); });
  }
  registry.AddRows<kInteger, kText>(
      "octet_length", [](std::string_view text) { return static_cast<int32_t>(text.size()); });
}

}  // namespace weir::expr
