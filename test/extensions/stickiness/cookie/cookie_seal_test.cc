#include "extensions/stickiness/cookie/cookie_seal.h"

#include <openssl/hmac.h>

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::extensions::stickiness::cookie {
namespace {

const std::string kOne(32, 'a');
const std::string kTwo(48, 'b');
constexpr uint32_t kNow = 1'795'000'000;

std::string sealed(const CookieSeal& seal, uint64_t uid, uint32_t expires = kNow + 3600) {
  CookieSeal::Text text;
  seal.seal({.uid = uid, .expires = expires}, text);
  return {text.data(), text.size()};
}

TEST(HmacTest, IsThatOfBoringSsl) {
  base::Random random(1);
  for (int i = 0; i < 300; ++i) {
    std::string key(random.uniform(200), ' ');
    std::string message(random.uniform(300), ' ');
    for (char& c : key) c = static_cast<char>(random.next());
    for (char& c : message) c = static_cast<char>(random.next());
    uint8_t expected[32];
    unsigned size = 0;
    ASSERT_NE(
        HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const uint8_t*>(message.data()),
             message.size(), expected, &size),
        nullptr);
    const Hmac hmac(std::span(reinterpret_cast<const uint8_t*>(key.data()), key.size()));
    const Hmac::Mac mac = hmac.of(message);
    ASSERT_TRUE(std::equal(mac.begin(), mac.end(), expected)) << key.size();
  }
}

TEST(CookieSealTest, WhatWasSealedOpens) {
  const CookieSeal seal({kOne}, "web");
  base::Random random(2);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t uid = random.next() | 1;
    const uint32_t expires = i % 10 == 0 ? 0 : kNow + 1 + static_cast<uint32_t>(random.uniform(9));
    const auto content = seal.open(sealed(seal, uid, expires), kNow);
    ASSERT_TRUE(content.has_value());
    EXPECT_EQ(content->uid, uid);
    EXPECT_EQ(content->expires, expires);
    EXPECT_FALSE(content->old_key);
  }
}

TEST(CookieSealTest, EveryOtherBitAndEveryOtherCharacterIsRefused) {
  const CookieSeal seal({kOne, kTwo}, "web");
  const std::string good = sealed(seal, 0x0123456789abcdef);
  ASSERT_TRUE(seal.open(good, kNow).has_value());
  for (size_t i = 0; i < good.size(); ++i) {
    for (int c = 0; c < 256; ++c) {
      std::string forged = good;
      forged[i] = static_cast<char>(c);
      if (forged == good) continue;
      EXPECT_FALSE(seal.open(forged, kNow).has_value()) << i << " " << c;
    }
  }
}

TEST(CookieSealTest, EveryOtherLengthIsRefused) {
  const CookieSeal seal({kOne}, "web");
  const std::string good = sealed(seal, 1);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(seal.open(good.substr(0, size), kNow).has_value());
    EXPECT_FALSE(seal.open(good.substr(good.size() - size), kNow).has_value());
  }
  for (const char* tail : {"=", "A", "==", " ", "AAAA"}) {
    EXPECT_FALSE(seal.open(good + tail, kNow).has_value());
  }
}

TEST(CookieSealTest, PiecesOfTwoDoNotMakeAThird) {
  const CookieSeal seal({kOne}, "web");
  const std::string one = sealed(seal, 111);
  const std::string other = sealed(seal, 222, kNow + 7200);
  for (size_t cut = 1; cut < one.size(); ++cut) {
    const std::string mixed = one.substr(0, cut) + other.substr(cut);
    if (mixed == one || mixed == other) continue;
    EXPECT_FALSE(seal.open(mixed, kNow).has_value()) << cut;
  }
}

TEST(CookieSealTest, RandomTextIsRefused) {
  const CookieSeal seal({kOne}, "web");
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  base::Random random(3);
  std::string head = sealed(seal, 1).substr(0, 2);  // the version, and some of the key's id
  for (int i = 0; i < 100'000; ++i) {
    std::string text = head;
    while (text.size() < CookieSeal::kTextSize) text.push_back(kDigits[random.uniform(64)]);
    ASSERT_FALSE(seal.open(text, kNow).has_value());
  }
}

TEST(CookieSealTest, OverIsOver) {
  const CookieSeal seal({kOne}, "web");
  const std::string value = sealed(seal, 1, kNow);
  EXPECT_TRUE(seal.open(value, kNow - 1).has_value());
  EXPECT_FALSE(seal.open(value, kNow).has_value());
  EXPECT_FALSE(seal.open(value, kNow + 1).has_value());
  EXPECT_TRUE(seal.open(sealed(seal, 1, 0), ~uint32_t{0}).has_value()) << "one that never is";
}

TEST(CookieSealTest, AnotherClusterOrAnotherKeyIsAForgery) {
  const CookieSeal seal({kOne}, "web");
  EXPECT_FALSE(CookieSeal({kOne}, "we").open(sealed(seal, 1), kNow).has_value());
  EXPECT_FALSE(CookieSeal({kOne}, "web2").open(sealed(seal, 1), kNow).has_value());
  EXPECT_FALSE(CookieSeal({kTwo}, "web").open(sealed(seal, 1), kNow).has_value());
  EXPECT_TRUE(CookieSeal({kOne}, "web").open(sealed(seal, 1), kNow).has_value())
      << "another process";
}

TEST(CookieSealTest, KeysRotate) {
  const CookieSeal before({kOne}, "web");
  const CookieSeal both({kTwo, kOne}, "web");
  const CookieSeal after({kTwo}, "web");
  const auto old = both.open(sealed(before, 5), kNow);
  ASSERT_TRUE(old.has_value());
  EXPECT_TRUE(old->old_key);
  const auto renewed = both.open(sealed(both, 5), kNow);
  ASSERT_TRUE(renewed.has_value());
  EXPECT_FALSE(renewed->old_key);
  EXPECT_TRUE(after.open(sealed(both, 5), kNow).has_value());
  EXPECT_FALSE(after.open(sealed(before, 5), kNow).has_value());
}

// More keys than there are ids: those that share one are all tried.
TEST(CookieSealTest, KeysMayShareAnId) {
  std::vector<std::string> keys;
  for (int i = 0; i < 300; ++i) keys.push_back(kOne + std::to_string(i));
  const CookieSeal all(keys, "web");
  for (const std::string& key : keys) {
    const auto content = all.open(sealed(CookieSeal({key}, "web"), 9), kNow);
    ASSERT_TRUE(content.has_value());
    EXPECT_EQ(content->uid, 9u);
  }
}

// Neighbouring uids and times look like unrelated ones.
TEST(CookieSealTest, ValuesTellNothing) {
  const CookieSeal seal({kOne}, "web");
  std::set<std::string> tails;
  for (uint64_t uid = 1; uid <= 200; ++uid) tails.insert(sealed(seal, uid).substr(8, 11));
  EXPECT_EQ(tails.size(), 200u);
  std::set<std::string> of_one;
  for (uint32_t i = 1; i <= 200; ++i) of_one.insert(sealed(seal, 1, kNow + i).substr(8, 11));
  EXPECT_EQ(of_one.size(), 200u) << "the same endpoint at another time";
}

}  // namespace
}  // namespace weir::extensions::stickiness::cookie
