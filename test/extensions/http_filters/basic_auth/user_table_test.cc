#include "extensions/http_filters/basic_auth/user_table.h"

#include "gtest/gtest.h"

#include "extensions/http_filters/basic_auth/credentials.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

// Of "secret", made by crypt(3) and by "openssl passwd".
constexpr const char* kHashes[] = {
    "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    "$5$rounds=1000$abcdefgh$XIppta5rT8zJUu4vAOKQXrwq9uY4Ijlz6VjyOmkx5i4",
    "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
    ("$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/"
     "O6IND4WQhG."),
};

TEST(CheckPassword, BcryptAndShaCrypt) {
  for (const char* hash : kHashes) {
    UserTable table;
    ASSERT_TRUE(table.add("alice", hash).ok()) << hash;
    EXPECT_TRUE(checkPassword("secret", *table.hashOf("alice"))) << hash;
    EXPECT_FALSE(checkPassword("Secret", hash));
    EXPECT_FALSE(checkPassword("", hash));
    EXPECT_FALSE(checkPassword(std::string("secret\0", 7), hash));
  }
}

TEST(UserTable, RefusesOtherHashesAndWhatCostsTooMuch) {
  for (const char* hash :
       {"", "secret", "$apr1$abcdefgh$0123456789012345678901", "{SHA}0123456789012345678901234567",
        "$1$abcdefgh$0123456789012345678901", "$2b$04$short", "$6$", "*",
        "$2b$31$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$5$rounds=9000000$abcdefgh$XIppta5rT8zJUu4vAOKQXrwq9uY4Ijlz6VjyOmkx5i4"}) {
    const absl::Status status = UserTable().add("alice", hash);
    EXPECT_FALSE(status.ok()) << hash;
    if (std::string_view(hash).size() > 2) {
      EXPECT_EQ(base::view(status.message()).find(hash), std::string_view::npos);
    }
  }
}

TEST(UserTable, ReadsLines) {
  UserTable table;
  const std::string text =
      base::concat("# users\nalice:", kHashes[0], "\r\n\nbob:", kHashes[2], "\n");
  ASSERT_TRUE(table.addLines("users", text).ok());
  EXPECT_EQ(*table.hashOf("alice"), kHashes[0]);
  EXPECT_EQ(*table.hashOf("bob"), kHashes[2]);
  EXPECT_EQ(table.hashOf("eve"), nullptr);
  EXPECT_EQ(table.decoy(), kHashes[0]);
  for (const auto& [line, part] :
       {std::pair<std::string, const char*>{"alice", "users:1: has no hash"},
        {base::concat(":", kHashes[0]), "users:1: the name"},
        {base::concat("a:", kHashes[0], "\na:", kHashes[2]), "users:2: the user is there twice"},
        {"a:plain", "users:1: the hash is neither"}}) {
    const absl::Status status = UserTable().addLines("users", line);
    EXPECT_NE(base::view(status.message()).find(part), std::string_view::npos) << status;
  }
}

TEST(ParseCredentials, Table) {
  const auto of = [](std::string_view encoded) -> std::string {
    const auto credentials = parseCredentials(encoded);
    return credentials ? credentials->user + "|" + credentials->password : "!";
  };
  EXPECT_EQ(of("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin|open sesame");  // RFC 7617 2
  EXPECT_EQ(of("YTpiOmM="), "a|b:c");
  EXPECT_EQ(of("YTo="), "a|");
  EXPECT_EQ(of("OmI="), "!");  // no user
  EXPECT_EQ(of("YWI="), "!");  // no colon
  EXPECT_EQ(of("YTpi "), "!");
  EXPECT_EQ(of("YTpiOmM"), "!");   // no padding
  EXPECT_EQ(of("YQo6Yg=="), "!");  // a line end in the name
  EXPECT_EQ(of(std::string(5000, 'A')), "!");
}

}  // namespace
}  // namespace weir::extensions::http_filters::basic_auth
