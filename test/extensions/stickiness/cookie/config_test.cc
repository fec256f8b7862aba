#include "extensions/stickiness/cookie/config.h"

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/stickiness/common/config_outcome.h"
#include "test/support/child_process.h"

namespace weir::extensions::stickiness::cookie {
namespace {

// As configOutcome(), without the folder of the keys.
std::string outcome(std::string_view fields) {
  static const weir::test::TemporaryFolder folder;
  folder.write("good.key", std::string(32, 'k'));
  folder.write("other.key", std::string(1024, 'o') + "\n");
  folder.write("same.key", std::string(32, 'k') + "\n");
  folder.write("short.key", std::string(31, 'k') + "\n");
  folder.write("long.key", std::string(1025, 'k'));
  std::string text =
      test::configOutcome(std::make_unique<CookieExtension>(), fields, folder.file("w.textproto"));
  for (size_t at; (at = text.find(folder.path() + "/")) != std::string::npos;) {
    text.erase(at, folder.path().size() + 1);
  }
  return text;
}

constexpr std::string_view kKey = "key_files: \"good.key\" ";

TEST(CookieConfig, TakesWhatBrowsersTake) {
  for (const char* fields :
       {"", "name: \"__Host-id\" secure: true", "name: \"__Secure-id\" secure: true path: \"/x\"",
        "ttl { seconds: 0 }", "ttl { seconds: 34560000 }",
        "path: \"/shop/\" domain: \"example.com\"",
        ("secure: true same_site: SAME_SITE_NONE attributes: \"Partitioned\" attributes: "
         "\"Priority=High\""),
        "http_only: false same_site: SAME_SITE_STRICT pass_on: true allow_shared_caching: true",
        "key_files: \"other.key\""}) {
    EXPECT_EQ(outcome(base::concat(kKey, fields)), "cookie") << fields;
  }
}

TEST(CookieConfig, WantsKeys) {
  EXPECT_EQ(outcome(""),
            "w.textproto:2:81: clusters[0].stickiness.config.key_files: a key is missing: without "
            "one anybody could name any endpoint; add key_files: \"sticky.key\", made as with: "
            "openssl rand -base64 48 > sticky.key\n");
  EXPECT_EQ(
      outcome("key_files: \"none.key\""),
      "w.textproto:3:12: clusters[0].stickiness.config.key_files[0]: cannot read \"none.key\": No "
      "such file or directory; relative paths start at the folder of the configuration file\n");
  EXPECT_EQ(
      outcome("key_files: \"short.key\"\nkey_files: \"long.key\""),
      "w.textproto:3:12: clusters[0].stickiness.config.key_files[0]: has 31 bytes; a key has 32 to "
      "1024; make one, as with: openssl rand -base64 48 > sticky.key\n"
      "w.textproto:4:12: clusters[0].stickiness.config.key_files[1]: has more than 1024 bytes; a "
      "key has 32 to 1024; make one, as with: openssl rand -base64 48 > sticky.key\n");
  EXPECT_EQ(outcome("key_files: \"good.key\" key_files: \"same.key\""),
            "w.textproto:3:34: clusters[0].stickiness.config.key_files[1]: has the same key as "
            "key_files[0]; leave one of them out\n");
  EXPECT_EQ(outcome("key_files: \"\""),
            "w.textproto:3:12: clusters[0].stickiness.config.key_files[0]: is required\n");
}

TEST(CookieConfig, RefusesWhatNoCookieHas) {
  EXPECT_EQ(outcome(base::concat(kKey, "name: \"a=b\" path: \"x\"\ndomain: \".example.com\"")),
            "w.textproto:3:29: clusters[0].stickiness.config.name: is not a name that a cookie can "
            "have; use at most 256 letters, digits and signs such as - and _, without spaces\n"
            "w.textproto:3:41: clusters[0].stickiness.config.path: is not a path that a cookie can "
            "have; begin with \"/\", without spaces, semicolons and quotes, as in \"/shop\"\n"
            "w.textproto:4:9: clusters[0].stickiness.config.domain: begins with a dot, which "
            "browsers ignore; leave the dot out\n");
  EXPECT_EQ(outcome(base::concat(kKey, "path: \"/a;b\" domain: \"a:80\" ttl { nanos: 500000000 }")),
            "w.textproto:3:29: clusters[0].stickiness.config.path: is not a path that a cookie can "
            "have; begin with \"/\", without spaces, semicolons and quotes, as in \"/shop\"\n"
            "w.textproto:3:44: clusters[0].stickiness.config.domain: is not a domain; use the name "
            "alone, as in \"example.com\"\n"
            "w.textproto:3:51: clusters[0].stickiness.config.ttl: is not in whole seconds, which "
            "is what browsers take; use 1 s or more, or 0 s\n");
  EXPECT_EQ(outcome(base::concat(kKey, "ttl { seconds: 34560001 }")),
            "w.textproto:3:23: clusters[0].stickiness.config.ttl: 34560001 s is out of range; it "
            "must be 0 s to 9600 h\n");
}

TEST(CookieConfig, RefusesUnknownAttributes) {
  EXPECT_EQ(outcome(base::concat(kKey, "attributes: \"Expires=never\"")),
            "w.textproto:3:35: clusters[0].stickiness.config.attributes[0]: \"Expires=never\" is "
            "not an attribute that may stand here; use \"Partitioned\", \"Priority=Low\", "
            "\"Priority=Medium\" or \"Priority=High\"; others have fields of their own\n");
  EXPECT_EQ(
      outcome(base::concat(kKey, "attributes: \"Priority=Low\" attributes: \"Priority=Low\"")),
      "w.textproto:3:62: clusters[0].stickiness.config.attributes[1]: \"Priority=Low\" is given "
      "twice; leave one out\n");
  EXPECT_EQ(outcome(base::concat(kKey, "same_site: SAME_SITE_NEVER")),
            "w.textproto:3:34: clusters[0].stickiness.config.same_site: there is no SameSite "
            "SAME_SITE_NEVER; did you mean \"SAME_SITE_NONE\"? known: SAME_SITE_LAX, "
            "SAME_SITE_STRICT, SAME_SITE_NONE\n");
  EXPECT_EQ(outcome(base::concat(kKey, "max_age: 5")),
            "w.textproto:3:23: clusters[0].stickiness.config.max_age: Cookie has no field "
            "\"max_age\"; known: name, ttl, path, domain, secure, http_only, same_site, "
            "attributes, key_files, pass_on, allow_shared_caching\n");
}

TEST(CookieConfig, RefusesWhatBrowsersDropWithoutAWord) {
  EXPECT_EQ(outcome(base::concat(kKey, "same_site: SAME_SITE_NONE attributes: \"Partitioned\"")),
            "w.textproto:3:34: clusters[0].stickiness.config.same_site: browsers take "
            "SameSite=None only together with Secure; add secure: true\n"
            "w.textproto:3:61: clusters[0].stickiness.config.attributes[0]: browsers take "
            "Partitioned only together with Secure; add secure: true\n");
  EXPECT_EQ(outcome(base::concat(kKey, "name: \"__Secure-x\"")),
            "w.textproto:3:29: clusters[0].stickiness.config.name: browsers take a name that "
            "begins like this only together with Secure; add secure: true, or use another name\n");
  EXPECT_EQ(outcome(base::concat(kKey, "name: \"__Host-x\" secure: true path: \"/a\"")),
            "w.textproto:3:29: clusters[0].stickiness.config.name: browsers take a name that "
            "begins with __Host- only with the path \"/\" and no domain; remove path and domain, "
            "or use another name\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::cookie
