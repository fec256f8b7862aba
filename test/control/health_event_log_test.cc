// What has happened to endpoints, as it is kept and written down.

#include "source/control/health_event_log.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "source/base/fd.h"
#include "source/base/random.h"
#include "source/control/health_event_json.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/support/child_process.h"

namespace weir::control {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using upstream::Health;
using Kind = HealthEvent::Kind;

HealthEvent event(Kind kind, const std::string& endpoint = "e") {
  HealthEvent made;
  made.kind = kind;
  made.cluster = "c";
  made.endpoint = endpoint;
  made.address = "127.0.0.1:80";
  made.from = Health::kHealthy;
  made.to = Health::kUnhealthy;
  made.revision = 7;
  made.source = "check tcp";
  made.cause = "connect: Connection refused";
  made.connections = 3;
  made.requests = 4;
  made.finished = 5;
  return made;
}

std::vector<std::string> keysOf(const std::string& line) {
  std::vector<std::string> keys;
  const auto parsed = nlohmann::ordered_json::parse(line);
  for (const auto& [key, value] : parsed.items()) keys.push_back(key);
  return keys;
}

// --- Kept events ---

TEST(HealthEvents, TheLastSoManyAreKept) {
  event::FakeDispatcher dispatcher;
  HealthEvents events(dispatcher);
  events.keep(3);
  for (int i = 0; i < 5; ++i) events.add(event(Kind::kHealth));
  EXPECT_EQ(events.lastSequence(), 5u);
  ASSERT_EQ(events.kept().size(), 3u);
  EXPECT_EQ(events.kept().front().sequence, 3u);
  EXPECT_EQ(events.kept().front().time, dispatcher.systemNow());
  events.keep(1);
  EXPECT_EQ(events.kept().size(), 1u);
}

TEST(HealthEvents, ListenersHearOfEachUntilTheyGo) {
  event::FakeDispatcher dispatcher;
  HealthEvents events(dispatcher);
  std::vector<uint64_t> first, second;
  std::shared_ptr<void> one;
  one = events.listen([&](const HealthEvent& e) {
    first.push_back(e.sequence);
    if (e.sequence == 2) one.reset();  // from inside
  });
  const auto two = events.listen([&](const HealthEvent& e) { second.push_back(e.sequence); });
  for (int i = 0; i < 3; ++i) events.add(event(Kind::kHealth));
  EXPECT_THAT(first, ElementsAre(1, 2));
  EXPECT_THAT(second, ElementsAre(1, 2, 3));
}

// --- The schema ---

TEST(HealthEventJson, HasWhatTheSchemaSays) {
  event::FakeDispatcher dispatcher;
  HealthEvents events(dispatcher);
  events.add(event(Kind::kHealth));
  EXPECT_EQ(healthEventJson(events.kept().back()),
            R"({"time":"2026-01-01T00:00:00.000Z","sequence":1,"kind":"health","cluster":"c",)"
            R"("endpoint":"e","address":"127.0.0.1:80","from":"healthy","to":"unhealthy",)"
            R"("revision":7,"source":"check tcp","cause":"connect: Connection refused"})");
  EXPECT_THAT(keysOf(healthEventJson(event(Kind::kDraining))),
              ElementsAre("time", "sequence", "kind", "cluster", "endpoint", "address",
                          "connections", "requests", "revision", "source", "cause"));
  EXPECT_THAT(keysOf(healthEventJson(event(Kind::kDrained))),
              ElementsAre("time", "sequence", "kind", "cluster", "endpoint", "address", "finished",
                          "revision", "source", "cause"));
  EXPECT_THAT(keysOf(healthEventJson(event(Kind::kDrainEnded))),
              ElementsAre("time", "sequence", "kind", "cluster", "endpoint", "address",
                          "connections", "requests", "finished", "revision", "source", "cause"));
}

TEST(HealthEventJson, AnyTextIsOneLineOfJson) {
  base::Random random(1);
  for (int i = 0; i < 2'000; ++i) {
    HealthEvent wild = event(Kind::kHealth);
    for (std::string* text : {&wild.cluster, &wild.endpoint, &wild.source, &wild.cause}) {
      text->clear();
      for (uint64_t left = random.uniform(20); left > 0; --left) {
        text->push_back(static_cast<char>(random.uniform(256)));
      }
    }
    const std::string line = healthEventJson(wild);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_FALSE(parsed.is_discarded()) << line;
    EXPECT_EQ(parsed["kind"], "health");
  }
}

// --- The file ---

class HealthEventLogTest : public testing::Test {
 protected:
  std::vector<std::string> lines(const std::string& path) {
    files_.flush();
    std::ifstream file(path);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

  test::TemporaryFolder folder_;
  event::FakeDispatcher dispatcher_;
  stats::Store stats_;
  base::FileWriter files_;
  HealthEvents events_{dispatcher_};
  HealthEventLog log_{dispatcher_, files_, stats_, events_};
  const std::string path_ = folder_.file("events.jsonl");
};

TEST_F(HealthEventLogTest, EveryEventIsALine) {
  events_.add(event(Kind::kHealth, "before"));
  log_.follow(path_);
  for (const Kind kind : kEventKinds) events_.add(event(kind, "a \"quoted\"\nname"));
  const std::vector<std::string> all = lines(path_);
  ASSERT_EQ(all.size(), std::size(kEventKinds));
  for (size_t i = 0; i < all.size(); ++i) {
    const json line = json::parse(all[i]);
    EXPECT_EQ(line["sequence"], i + 2);
    EXPECT_EQ(line["kind"], eventName(kEventKinds[i]));
    EXPECT_EQ(line["endpoint"], "a \"quoted\"\nname");
  }
}

TEST_F(HealthEventLogTest, TheFileMayBeRotatedChangedAndLeftOut) {
  log_.follow(path_);
  events_.add(event(Kind::kHealth));
  ASSERT_EQ(lines(path_).size(), 1u);
  ASSERT_EQ(std::rename(path_.c_str(), (path_ + ".1").c_str()), 0);
  files_.reopen();
  files_.flush();
  events_.add(event(Kind::kHealth));
  EXPECT_EQ(lines(path_).size(), 1u);
  EXPECT_EQ(lines(path_ + ".1").size(), 1u);
  log_.follow(folder_.file("other"));
  events_.add(event(Kind::kHealth));
  log_.follow("");
  events_.add(event(Kind::kHealth));
  EXPECT_EQ(lines(folder_.file("other")).size(), 1u);
  EXPECT_EQ(lines(path_).size(), 1u);
  // One that cannot be written changes nothing.
  log_.follow(path_);
  log_.follow(folder_.file("no/such/folder"));
  events_.add(event(Kind::kHealth));
  EXPECT_EQ(lines(path_).size(), 2u);
}

TEST_F(HealthEventLogTest, ThousandsAtATimeAreWrittenInOrder) {
  log_.follow(path_);
  // More than the writer's ring holds, in one turn.
  constexpr size_t kEvents = 20'000;
  for (size_t i = 0; i < kEvents; ++i) events_.add(event(Kind::kHealth));
  for (int i = 0; i < 8; ++i) {
    files_.flush();
    dispatcher_.advance(std::chrono::milliseconds(10));
  }
  const std::vector<std::string> all = lines(path_);
  ASSERT_EQ(all.size(), kEvents);
  for (size_t i = 0; i < kEvents; ++i) {
    ASSERT_NE(all[i].find("\"sequence\":" + std::to_string(i + 1) + ","), std::string::npos);
  }
  EXPECT_EQ(stats_.valueOf("health_event_log_dropped_total"), 0);
  EXPECT_EQ(files_.dropped(), 0u);
}

TEST_F(HealthEventLogTest, WhatIsTooMuchIsCounted) {
  // A disk that takes nothing for a while.
  const std::string pipe = folder_.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const base::UniqueFd end(::open(pipe.c_str(), O_RDWR | O_NONBLOCK));
  log_.follow(pipe);
  HealthEvent large = event(Kind::kHealth);
  large.cause = std::string(500'000, 'x');
  const size_t many = HealthEventLog::kMostWaitingBytes / large.cause.size() + 20;
  for (size_t i = 0; i < many; ++i) events_.add(large);
  EXPECT_GT(stats_.valueOf("health_event_log_dropped_total"), 0);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::vector<char> bytes(1 << 20);
    while (::read(end.get(), bytes.data(), bytes.size()) > 0 || !done) ::sched_yield();
  });
  files_.flush();
  done = true;
  reader.join();
  // One that no ring has room for.
  const int64_t dropped = stats_.valueOf("health_event_log_dropped_total");
  large.cause = std::string(base::FileWriter::kRingBytes, 'x');
  events_.add(large);
  EXPECT_EQ(stats_.valueOf("health_event_log_dropped_total"), dropped + 1);
}

}  // namespace
}  // namespace weir::control
