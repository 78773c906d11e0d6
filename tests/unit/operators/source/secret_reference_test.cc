#include "operators/source/secret_reference.h"

#include <cstdlib>
#include <fstream>

#include "gtest/gtest.h"
#include "tests/fakes/temporary_directory.h"

namespace weir {
namespace {

TEST(SecretReference, PlainTextStaysAsItIs) {
  EXPECT_EQ(*ResolveSecret("PLAIN"), "PLAIN");
  EXPECT_EQ(*ResolveSecret(""), "");
  EXPECT_EQ(*ResolveSecret("${env:X"), "${env:X");
}

TEST(SecretReference, EnvironmentVariableWithItsPrefix) {
  setenv("WEIR_SECRET_KAFKA", "s3cret", 1);
  EXPECT_EQ(*ResolveSecret("${env:WEIR_SECRET_KAFKA}"), "s3cret");
  unsetenv("WEIR_SECRET_KAFKA");
  EXPECT_EQ(ResolveSecret("${env:WEIR_SECRET_KAFKA}").status().code(), absl::StatusCode::kNotFound);
}

TEST(SecretReference, OtherEnvironmentVariablesAreRefused) {
  const absl::Status status = ResolveSecret("${env:PATH}").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(status.message()).find(std::getenv("PATH")), std::string::npos);
}

TEST(SecretReference, FileInTheDirectoryOfSecrets) {
  TemporaryDirectory directory;
  std::ofstream(directory.path() + "/kafka") << "two\nlines\n";
  setenv("WEIR_SECRETS", directory.path().c_str(), 1);
  EXPECT_EQ(*ResolveSecret("${file:kafka}"), "two\nlines");
  EXPECT_EQ(ResolveSecret("${file:absent}").status().code(), absl::StatusCode::kNotFound);
  for (const char* name :
       {"${file:}", "${file:/etc/passwd}", "${file:../kafka}", "${file:.kafka}", "${file:a/b}"}) {
    EXPECT_EQ(ResolveSecret(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  unsetenv("WEIR_SECRETS");
}

TEST(SecretReference, OtherKindsAreRefused) {
  for (const char* text : {"${vault:x}", "${}", "${X}"}) {
    EXPECT_EQ(ResolveSecret(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace weir
