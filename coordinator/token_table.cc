#include "coordinator/token_table.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/string_view.h"

namespace weir {
namespace {

constexpr int64_t kLookEveryUs = 1'000'000;
constexpr int64_t kFileBytesMax = 4 << 20;
constexpr size_t kNameBytesMax = 128;
constexpr size_t kHashDigits = 64;

absl::Status WrongLine(size_t line, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", line, " ", why,
                   "; accepted is `name role sha256`, with role viewer, operator or admin, and "
                   "sha256 as `printf %s TOKEN | sha256sum` prints it"));
}

std::optional<Role> RoleOf(absl::string_view text) {
  if (text == "viewer") return Role::kViewer;
  if (text == "operator") return Role::kOperator;
  if (text == "admin") return Role::kAdmin;
  return std::nullopt;
}

// Printable and without spaces, so that it can stand in a log line as it is.
bool IsName(absl::string_view text) {
  if (text.size() > kNameBytesMax) return false;
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

bool IsHash(absl::string_view text) {
  if (text.size() != kHashDigits) return false;
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

}  // namespace

std::string_view NameOf(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

absl::StatusOr<TokenTable> TokenTable::Parse(std::string_view text) {
  TokenTable table;
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(AbslView(text), '\n')) {
    ++number;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty() || words[0][0] == '#') continue;
    if (words.size() != 3) return WrongLine(number, absl::StrCat("has ", words.size(), " words"));
    const std::optional<Role> role = RoleOf(words[1]);
    if (!IsName(words[0])) return WrongLine(number, "has a name that can't be printed");
    if (!role.has_value()) return WrongLine(number, "has an unknown role");
    if (!IsHash(words[2])) return WrongLine(number, "has no SHA-256 hash");
    if (table.entries_.size() == kTokensMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("more than ", kTokensMax, " tokens; remove those not in use"));
    }
    table.entries_.push_back(
        {absl::HexStringToBytes(words[2]), Caller{std::string(words[0]), *role}});
  }
  if (table.entries_.empty()) {
    return absl::InvalidArgumentError("no token in it, so nobody could call; add one");
  }
  return table;
}

const Caller* TokenTable::Find(std::string_view token) const {
  const std::string hash = Sha256(token);
  const Caller* found = nullptr;
  for (const Entry& entry : entries_) {  // all of them: the time must not tell which one
    if (EqualInConstantTime(entry.hash, hash)) found = &entry.caller;
  }
  return found;
}

absl::StatusOr<TokenFile::Version> TokenFile::Look(const std::string& path) {
  struct stat is {};
  if (stat(path.c_str(), &is) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("can't be read: ", std::strerror(errno)));
  }
  return Version{static_cast<int64_t>(is.st_ino), static_cast<int64_t>(is.st_size),
                 int64_t{is.st_mtim.tv_sec} * 1'000'000'000 + is.st_mtim.tv_nsec};
}

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(const std::string& path, Clock* clock) {
  std::unique_ptr<TokenFile> file(new TokenFile(path, clock));
  absl::MutexLock lock(&file->mutex_);
  file->looked_us_ = clock->MonotonicMicros();
  const absl::Status read = file->Read();
  if (read.ok()) return file;
  return absl::InvalidArgumentError(absl::StrCat("--tokens ", path, ": ", read.message()));
}

std::shared_ptr<const TokenTable> TokenFile::table() {
  absl::MutexLock lock(&mutex_);
  const int64_t now_us = clock_->MonotonicMicros();
  if (now_us - looked_us_ < kLookEveryUs) return table_;
  looked_us_ = now_us;
  const absl::Status read = Read();
  if (!read.ok()) {
    WEIR_LOG(kError, "tokens can't be read again; those read before count", {"file", path_},
             {"why", read.message()});
  }
  return table_;
}

absl::Status TokenFile::Read() {
  WEIR_ASSIGN_OR_RETURN(const Version version, Look(path_));
  if (table_ != nullptr && version == version_) return absl::OkStatus();
  if (version.bytes > kFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kFileBytesMax, " bytes"));
  }
  std::ifstream in(path_, std::ios::binary);
  std::string text(static_cast<size_t>(version.bytes), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.gcount() != static_cast<std::streamsize>(text.size())) {
    return absl::InvalidArgumentError("can't be read, or changed meanwhile");
  }
  WEIR_ASSIGN_OR_RETURN(TokenTable table, TokenTable::Parse(text));
  const bool again = table_ != nullptr;
  table_ = std::make_shared<const TokenTable>(std::move(table));
  version_ = version;
  if (again) WEIR_LOG(kInfo, "tokens read again", {"file", path_});
  return absl::OkStatus();
}

}  // namespace weir
