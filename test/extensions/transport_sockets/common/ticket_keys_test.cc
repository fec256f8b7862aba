#include "extensions/transport_sockets/common/ticket_keys.h"

#include <openssl/base64.h>
#include <openssl/err.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/base/random.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

using Bytes = std::vector<uint8_t>;

std::string randomBytes(size_t count, uint64_t seed) {
  base::Random random(seed);
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<char>(random.next()));
  return bytes;
}

std::string base64(const std::string& bytes) {
  std::string text(bytes.size() * 2 + 4, '\0');
  text.resize(EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()),
                              reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return text;
}

Bytes seal(const TicketKeys& keys, const Bytes& session) {
  Bytes ticket(session.size() + TicketKeys::kOverhead);
  size_t written = 0;
  EXPECT_TRUE(keys.seal(session, ticket, written));
  EXPECT_EQ(written, ticket.size());
  return ticket;
}

bool opens(const TicketKeys& keys, const Bytes& ticket, const Bytes& session) {
  Bytes out(ticket.size());
  size_t written = 0;
  if (!keys.open(ticket, out, written)) return false;
  out.resize(written);
  return out == session;
}

class TicketKeysTest : public testing::Test {
 protected:
  // A handshake would take what is left there for its own failure.
  ~TicketKeysTest() override { EXPECT_EQ(ERR_peek_error(), 0u); }

  std::shared_ptr<TicketKeys> make(const TicketKeyOptions& options) {
    auto keys = TicketKeys::create(options, now_);
    EXPECT_TRUE(keys.ok()) << keys.status();
    return *keys;
  }
  std::string errorOf(std::string_view bytes) {
    return std::string(base::view(TicketKeys::countKeys(bytes).status().message()));
  }

  const event::SystemTime now_ = std::chrono::system_clock::now();
  const Bytes session_ = Bytes(200, 7);
  const test::TestFolder folder_;
};

TEST_F(TicketKeysTest, WhatIsSealedOpensAndNothingElseDoes) {
  const auto keys = make({});
  const Bytes ticket = seal(*keys, session_);
  EXPECT_TRUE(opens(*keys, ticket, session_));
  EXPECT_NE(seal(*keys, session_), ticket) << "no two are alike";
  EXPECT_FALSE(opens(*make({}), ticket, session_)) << "keys of another process";
  for (size_t i = 0; i < ticket.size(); ++i) {
    Bytes bad = ticket;
    bad[i] ^= 1;
    EXPECT_FALSE(opens(*keys, bad, session_)) << i;
    EXPECT_FALSE(opens(*keys, Bytes(ticket.begin(), ticket.begin() + static_cast<long>(i)), {}));
  }
}

TEST_F(TicketKeysTest, WorksInPlaceAndRefusesWhatDoesNotFit) {
  const auto keys = make({});
  Bytes bytes = session_;
  bytes.resize(session_.size() + TicketKeys::kOverhead);
  size_t written = 0;
  ASSERT_TRUE(keys->seal(std::span(bytes).first(session_.size()), bytes, written));
  ASSERT_EQ(written, bytes.size());
  EXPECT_TRUE(opens(*keys, bytes, session_));
  ASSERT_TRUE(keys->open(bytes, bytes, written));
  bytes.resize(written);
  EXPECT_EQ(bytes, session_);
  Bytes small(session_.size() + TicketKeys::kOverhead - 1);
  EXPECT_FALSE(keys->seal(session_, small, written));
}

TEST_F(TicketKeysTest, RandomKeysRotateAndTheLastStayForOpening) {
  const auto keys = make({.rotation = hours(1), .keep = 2});
  std::vector<Bytes> tickets;
  tickets.push_back(seal(*keys, session_));
  EXPECT_FALSE(keys->rotateIfDue(now_ + std::chrono::minutes(59)));
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(keys->rotateIfDue(now_ + hours(i)));
    EXPECT_FALSE(keys->rotateIfDue(now_ + hours(i)));
    EXPECT_EQ(keys->age(now_ + hours(i) + std::chrono::seconds(5)).count(), 5);
    tickets.push_back(seal(*keys, session_));
  }
  EXPECT_EQ(keys->keyCount(), 3u);
  EXPECT_FALSE(opens(*keys, tickets[0], session_));
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(opens(*keys, tickets[static_cast<size_t>(i)], session_));
}

TEST_F(TicketKeysTest, AFleetSharesAFile) {
  const std::string one = randomBytes(80, 1);
  const std::string two = randomBytes(80, 2);
  const std::string path = folder_.write("keys", one + two);
  const auto here = make({.file = path});
  const auto there = make({.file = folder_.write("swapped", two + one)});
  EXPECT_EQ(here->keyCount(), 2u);
  EXPECT_TRUE(opens(*there, seal(*here, session_), session_));
  EXPECT_TRUE(opens(*here, seal(*there, session_), session_));
  EXPECT_NE(here->names().front(), there->names().front()) << "the first one seals";
  EXPECT_FALSE(here->rotateIfDue(now_ + hours(1000))) << "the fleet's file does that";
  // In base64 the same keys.
  const auto text = make(
      {.file = folder_.write("text", "# keys\n" + base64(one) + "\r\n\n" + base64(two) + "\n")});
  EXPECT_EQ(text->names(), here->names());
  EXPECT_TRUE(opens(*text, seal(*here, session_), session_));
}

TEST_F(TicketKeysTest, ShortKeysAndOneFileOfThreeLongOnes) {
  EXPECT_EQ(*TicketKeys::countKeys(randomBytes(48, 1)), 1u);
  EXPECT_EQ(*TicketKeys::countKeys(randomBytes(96, 1)), 2u);
  EXPECT_EQ(*TicketKeys::countKeys(randomBytes(240, 1)), 3u) << "80 bytes each, not 48";
  EXPECT_EQ(*TicketKeys::countKeys(base64(randomBytes(48, 1))), 1u);
}

TEST_F(TicketKeysTest, RefusesFilesThatAreNoKeys) {
  EXPECT_THAT(errorOf(""), HasSubstr("has no key; write keys of 80 random bytes"));
  EXPECT_THAT(errorOf(randomBytes(81, 1)), HasSubstr("has 81 bytes, which are no whole keys"));
  EXPECT_THAT(errorOf("# only this\n"), HasSubstr("has no key"));
  EXPECT_THAT(errorOf("#\nnot base64!\n"), HasSubstr("line 2 is no key in base64"));
  EXPECT_THAT(errorOf(base64(randomBytes(32, 1))), HasSubstr("line 1 is no key in base64"));
  EXPECT_THAT(errorOf(std::string(80, '\0')), HasSubstr("is one byte repeated"));
  EXPECT_THAT(errorOf(randomBytes(80, 1) + randomBytes(80, 1)),
              HasSubstr("key 2 has the name of an earlier one"));
  EXPECT_THAT(errorOf(randomBytes(80 * 65, 1)), HasSubstr("has more than 64 keys"));
}

TEST_F(TicketKeysTest, AReloadedFileTakesOverAndABadOneDoesNot) {
  const std::string one = randomBytes(80, 1);
  const std::string two = randomBytes(80, 2);
  const auto keys = make({.file = folder_.write("keys", one)});
  const Bytes old_ticket = seal(*keys, session_);
  folder_.write("keys", two + one);
  ASSERT_TRUE(keys->reload(now_ + hours(1)).ok());
  EXPECT_EQ(keys->age(now_ + hours(1)).count(), 0);
  EXPECT_TRUE(opens(*keys, old_ticket, session_));
  folder_.write("keys", "rubbish");
  EXPECT_THAT(std::string(base::view(keys->reload(now_).message())),
              HasSubstr(folder_.pathOf("keys") + ": line 1"));
  EXPECT_EQ(keys->keyCount(), 2u);
  folder_.write("keys", two);
  ASSERT_TRUE(keys->reload(now_ + hours(5)).ok());
  EXPECT_EQ(keys->age(now_ + hours(5)).count(), 4 * 3600) << "the sealing key is the same";
  EXPECT_FALSE(opens(*keys, old_ticket, session_)) << "its key was withdrawn";
}

TEST_F(TicketKeysTest, WorkersSealAndOpenWhileKeysRotate) {
  const auto keys = make({.rotation = std::chrono::seconds(1), .keep = 1000});
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      while (!stop) {
        if (!opens(*keys, seal(*keys, session_), session_)) ++failures;
      }
    });
  }
  for (int i = 1; i <= 200; ++i) keys->rotateIfDue(now_ + std::chrono::seconds(i));
  stop = true;
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
