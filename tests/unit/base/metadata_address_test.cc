#include "base/metadata_address.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <cstring>
#include <string>

namespace weir {
namespace {

constexpr const char* kMetadata[] = {"169.254.169.254",
                                     "169.254.170.2",
                                     "169.254.0.1",
                                     "0xa9fea9fe",
                                     "2852039166",
                                     "169.16689662",
                                     "0251.0376.0251.0376",
                                     "100.100.100.200",
                                     "168.63.129.16",
                                     "192.0.0.192",
                                     "fd00:ec2::254",
                                     "fd20:ce::254",
                                     "fe80::1",
                                     "::ffff:169.254.169.254",
                                     "::ffff:a9fe:a9fe",
                                     "::169.254.169.254",
                                     "64:ff9b::a9fe:a9fe",
                                     "2002:a9fe:a9fe::1"};
constexpr const char* kOthers[] = {"169.253.169.254", "169.255.0.1",     "10.0.0.1",
                                   "127.0.0.1",       "100.100.100.201", "::1",
                                   "fd00:ec2::255",   "fec0::1",         "::ffff:10.0.0.1",
                                   "64:ff9b::a00:1",  "2002:a00:1::1",   "2001:db8::a9fe:a9fe"};

bool ResolvedIsMetadata(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  EXPECT_EQ(getaddrinfo(host.c_str(), "9092", &hints, &found), 0) << host;
  const bool is = found != nullptr && IsMetadataAddress(*found->ai_addr);
  if (found != nullptr) freeaddrinfo(found);
  return is;
}

TEST(MetadataAddressTest, KnowsThemInEveryNotation) {
  for (const char* host : kMetadata) {
    EXPECT_TRUE(IsMetadataHost(host)) << host;
    EXPECT_TRUE(ResolvedIsMetadata(host)) << host;
  }
}

TEST(MetadataAddressTest, LeavesOthersAlone) {
  for (const char* host : kOthers) {
    EXPECT_FALSE(IsMetadataHost(host)) << host;
    EXPECT_FALSE(ResolvedIsMetadata(host)) << host;
  }
}

TEST(MetadataAddressTest, KnowsNames) {
  for (const char* host : {"metadata.google.internal", "Metadata.Google.Internal.", "metadata.goog",
                           "instance-data", "x.metadata.google.internal", "[fe80::1%eth0]"})
    EXPECT_TRUE(IsMetadataHost(host)) << host;
  for (const char* host : {"", ".", "metadata", "kafka", "notmetadata.google.internal.example",
                           "xmetadata.goog", "169.254.169.254.example.org"})
    EXPECT_FALSE(IsMetadataHost(host)) << host;
}

TEST(MetadataAddressTest, OtherFamiliesHaveNone) {
  sockaddr local{};
  local.sa_family = AF_UNIX;
  EXPECT_FALSE(IsMetadataAddress(local));
}

}  // namespace
}  // namespace weir
