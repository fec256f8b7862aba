#include "extensions/stickiness/store/shared_bindings.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/network/io_context.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/redis/fake_redis.h"

namespace weir::extensions::stickiness::store {
namespace {

using redis::test::FakeRedis;
using redis::test::RedisCommand;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// A request that asks.
class Client final : public upstream::StickyWaiter {
 public:
  Client() { request.waiter = this; }
  ~Client() { request.cancel(); }
  void onStickyFound() override { ++told; }
  upstream::StickyRequest request;
  int told = 0;
};

// One worker's part of the table.
class Table final : public BindingSink {
 public:
  Table(base::ServiceMap& services, stats::Block& block, const StoreStats& ids,
        const SharedSettings& settings)
      : cells(block, ids), settings(settings) {
    bindings.emplace(services, this->settings, "test", cells, *this);
  }
  uint64_t uidOf(std::string_view endpoint) override {
    const auto found = known.find(std::string(endpoint));
    return found == known.end() ? 0 : found->second;
  }
  void onBound(std::string_view client, uint64_t uid) override { bound.emplace_back(client, uid); }
  std::map<std::string, uint64_t> known = {{"one", 1}, {"two", 2}, {"three", 3}};
  std::vector<std::pair<std::string, uint64_t>> bound;
  StoreCells cells;
  SharedSettings settings;
  std::optional<SharedBindings> bindings;
};

class SharedBindingsTest : public ::testing::Test {
 protected:
  SharedBindingsTest() : io_(dispatcher_, 0), stats_(StoreStats::create(store_, "c")) {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(io_);
    settings_.server.address = redis_.address();
    settings_.key_prefix = "sticky:";
  }
  ~SharedBindingsTest() override {
    table_.reset();
    dispatcher_.runUntilIdle();
    for (const char* gauge : {"connected", "resting", "queued_writes"}) {
      EXPECT_EQ(value("sticky_store_" + std::string(gauge)), 0) << gauge;
    }
  }

  bool until(const std::function<bool()>& done) {
    dispatcher_.post([] {});
    return dispatcher_.runUntil(done);
  }
  void run() {
    dispatcher_.post([] {});
    dispatcher_.runUntilIdle();
  }
  bool open() {
    table_.emplace(services_, store_.block(1), stats_, settings_);
    return until([this] { return table_->bindings->connected(); });
  }
  int64_t value(const std::string& name) const { return store_.valueOf(name, {{"cluster", "c"}}); }
  int64_t lookups(const std::string& outcome) const {
    return store_.valueOf("sticky_store_lookups_total", {{"cluster", "c"}, {"outcome", outcome}});
  }
  int64_t writes(const std::string& outcome) const {
    return store_.valueOf("sticky_store_writes_total", {{"cluster", "c"}, {"outcome", outcome}});
  }
  SharedBindings& bindings() { return *table_->bindings; }

  event::FakeDispatcher dispatcher_;
  network::IoContext io_;
  base::ServiceMap services_;
  stats::Store store_;
  StoreStats stats_;
  FakeRedis redis_{dispatcher_};
  SharedSettings settings_;
  std::optional<Table> table_;
};

TEST_F(SharedBindingsTest, SaysWhatTheStoreKnows) {
  redis_.values = {{"sticky:ann", "two"}, {"sticky:bob", "nobody"}};
  ASSERT_TRUE(open());
  EXPECT_EQ(value("sticky_store_connected"), 1);
  Client ann;
  Client bob;
  Client eve;
  ASSERT_TRUE(bindings().ask("ann", ann.request));
  ASSERT_TRUE(bindings().ask("bob", bob.request));
  ASSERT_TRUE(bindings().ask("eve", eve.request));
  EXPECT_EQ(ann.told, 0) << "not from inside";
  EXPECT_NE(ann.request.lookup, nullptr);
  ASSERT_TRUE(until([&] { return ann.told + bob.told + eve.told == 3; }));
  EXPECT_EQ(ann.request.stored, 2u);
  EXPECT_EQ(bob.request.stored, 0u) << "an endpoint that nobody knows";
  EXPECT_EQ(eve.request.stored, 0u);
  for (const Client* client : {&ann, &bob, &eve}) {
    EXPECT_TRUE(client->request.asked);
    EXPECT_EQ(client->request.lookup, nullptr);
  }
  EXPECT_THAT(table_->bound, ElementsAre(Pair("ann", 2)));
  EXPECT_EQ(lookups("hit"), 1);
  EXPECT_EQ(lookups("unknown"), 1);
  EXPECT_EQ(lookups("miss"), 1);
  EXPECT_EQ(value("sticky_store_waits_total"), 3);
}

TEST_F(SharedBindingsTest, WhoAsksTheSameSharesTheQuestion) {
  redis_.values = {{"sticky:ann", "two"}};
  ASSERT_TRUE(open());
  redis_.holds = true;
  Client first;
  Client second;
  auto third = std::make_optional<Client>();
  for (Client* client : {&first, &second, &*third}) {
    ASSERT_TRUE(bindings().ask("ann", client->request));
  }
  third.reset();  // has gone away
  ASSERT_TRUE(until([&] { return redis_.count("GET") == 1; }));
  redis_.release();
  ASSERT_TRUE(until([&] { return first.told == 1; }));
  EXPECT_EQ(second.told, 1);
  EXPECT_EQ(second.request.stored, 2u);
  EXPECT_EQ(redis_.count("GET"), 1u);
  EXPECT_EQ(lookups("hit"), 1);
}

TEST_F(SharedBindingsTest, WaitsNoLongerThanTheBudget) {
  redis_.values = {{"sticky:ann", "two"}};
  ASSERT_TRUE(open());
  redis_.holds = true;
  Client early;
  ASSERT_TRUE(bindings().ask("ann", early.request));
  dispatcher_.advance(milliseconds(1));
  Client late;
  ASSERT_TRUE(bindings().ask("bob", late.request));
  EXPECT_EQ(early.told, 0);
  dispatcher_.advance(milliseconds(1));
  run();
  EXPECT_EQ(early.told, 1);
  EXPECT_EQ(late.told, 0);
  dispatcher_.advance(milliseconds(1));
  run();
  EXPECT_EQ(late.told, 1);
  EXPECT_EQ(early.request.stored, 0u);
  EXPECT_TRUE(early.request.asked);
  EXPECT_EQ(lookups("timeout"), 2);
  // What comes later is nobody's.
  redis_.release();
  run();
  EXPECT_EQ(early.told, 1);
  EXPECT_EQ(early.request.stored, 0u);
  EXPECT_THAT(table_->bound, IsEmpty());
  EXPECT_EQ(lookups("hit"), 0);
}

TEST_F(SharedBindingsTest, AfterTimeoutsInARowNobodyWaitsUntilTheServerIsFastAgain) {
  ASSERT_TRUE(open());
  redis_.holds = true;
  for (int i = 0; i < 5; ++i) {
    Client client;
    ASSERT_TRUE(bindings().ask(std::to_string(i), client.request));
    dispatcher_.advance(milliseconds(2));
    run();
    EXPECT_EQ(client.told, 1);
  }
  EXPECT_TRUE(bindings().resting());
  EXPECT_EQ(value("sticky_store_resting"), 1);
  Client refused;
  EXPECT_FALSE(bindings().ask("x", refused.request));
  EXPECT_EQ(refused.request.lookup, nullptr);
  EXPECT_EQ(lookups("unavailable"), 1);
  // Answers that are late do not count.
  dispatcher_.advance(milliseconds(100));
  redis_.release();
  run();
  EXPECT_TRUE(bindings().resting());
  // It is asked in the background, and answers at once.
  const size_t pings = redis_.count("PING");
  for (int ms = 0; ms < 300 && bindings().resting(); ++ms) {
    dispatcher_.advance(milliseconds(1));
    run();
  }
  EXPECT_FALSE(bindings().resting());
  EXPECT_EQ(redis_.count("PING"), pings + 1);
  EXPECT_TRUE(bindings().ask("y", refused.request));
  ASSERT_TRUE(until([&] { return refused.told == 1; }));
}

TEST_F(SharedBindingsTest, ADeadServerCostsNobodyAnything) {
  redis_.stopListening();
  table_.emplace(services_, store_.block(1), stats_, settings_);
  Client client;
  EXPECT_FALSE(bindings().ask("ann", client.request)) << "not connected yet";
  ASSERT_TRUE(until([&] { return value("sticky_store_connect_failures_total") == 1; }));
  EXPECT_FALSE(bindings().ask("ann", client.request));
  EXPECT_EQ(lookups("unavailable"), 2);
  EXPECT_EQ(value("sticky_store_connected"), 0);
}

TEST_F(SharedBindingsTest, WhoWaitsWhenTheConnectionIsLostIsTold) {
  ASSERT_TRUE(open());
  redis_.holds = true;
  Client client;
  ASSERT_TRUE(bindings().ask("ann", client.request));
  ASSERT_TRUE(until([&] { return redis_.count("GET") == 1; }));
  redis_.dropClients();
  ASSERT_TRUE(until([&] { return client.told == 1; }));
  EXPECT_EQ(lookups("error"), 1);
  EXPECT_EQ(value("sticky_store_connected"), 0);
  EXPECT_FALSE(bindings().resting());
}

TEST_F(SharedBindingsTest, WhoIsFirstWins) {
  ASSERT_TRUE(open());
  bindings().bind("ann", "one");
  ASSERT_TRUE(until([&] { return writes("created") == 1; }));
  EXPECT_EQ(redis_.commands.back(),
            (RedisCommand{"SET", "sticky:ann", "one", "NX", "PX", "3600000"}));
  EXPECT_THAT(table_->bound, IsEmpty());
  // Another node's word counts.
  bindings().bind("ann", "two");
  ASSERT_TRUE(until([&] { return writes("adopted") == 1; }));
  EXPECT_THAT(table_->bound, ElementsAre(Pair("ann", 1)));
  EXPECT_EQ(redis_.values["sticky:ann"], "one");
  // The same as ours.
  bindings().bind("ann", "one");
  ASSERT_TRUE(until([&] { return writes("adopted") == 2; }));
  EXPECT_EQ(table_->bound.size(), 1u);
}

TEST_F(SharedBindingsTest, AnEndpointThatIsNotToBeHadIsReplacedOnce) {
  redis_.values = {{"sticky:ann", "one"}};
  ASSERT_TRUE(open());
  bindings().rebind("ann", "one", "two");
  ASSERT_TRUE(until([&] { return writes("replaced") == 1; }));
  EXPECT_EQ(redis_.values["sticky:ann"], "two");
  // Another node that has seen the same, and would take a third one.
  bindings().rebind("ann", "one", "three");
  ASSERT_TRUE(until([&] { return writes("adopted") == 1; }));
  EXPECT_EQ(redis_.values["sticky:ann"], "two");
  EXPECT_THAT(table_->bound, ElementsAre(Pair("ann", 2)));
  // One that the store has forgotten.
  bindings().rebind("bob", "one", "three");
  ASSERT_TRUE(until([&] { return writes("replaced") == 2; }));
  EXPECT_EQ(redis_.values["sticky:bob"], "three");
}

TEST_F(SharedBindingsTest, AWordThatNobodyUnderstandsIsReplaced) {
  redis_.values = {{"sticky:ann", "long gone"}};
  ASSERT_TRUE(open());
  bindings().bind("ann", "one");
  ASSERT_TRUE(until([&] { return writes("replaced") == 1; }));
  EXPECT_EQ(redis_.values["sticky:ann"], "one");
  // One that always says something else is left alone.
  int said = 0;
  redis_.script = [&](const RedisCommand& command) {
    if (command[0] == "SET") return std::string("$-1\r\n");
    return FakeRedis::text("nonsense " + std::to_string(++said));
  };
  bindings().bind("bob", "one");
  ASSERT_TRUE(until([&] { return writes("error") == 1; }));
  EXPECT_LE(redis_.count("EVAL"), 4u);
}

TEST_F(SharedBindingsTest, RefreshesWhatIsUsedAndHealsWhatIsLost) {
  redis_.values = {{"sticky:ann", "one"}, {"sticky:bob", "two"}, {"sticky:dan", "gone"}};
  ASSERT_TRUE(open());
  for (const char* client : {"ann", "bob", "eve", "dan"}) bindings().refresh(client, "one");
  run();
  EXPECT_EQ(redis_.count("GET"), 0u) << "they go together, a little later";
  dispatcher_.advance(milliseconds(150));
  ASSERT_TRUE(until([&] {
    return writes("refreshed") == 1 && writes("adopted") == 1 && writes("created") == 1 &&
           writes("replaced") == 1;
  }));
  EXPECT_EQ(redis_.count("PEXPIRE"), 4u);
  EXPECT_THAT(table_->bound, ElementsAre(Pair("bob", 2)));
  EXPECT_EQ(redis_.values["sticky:eve"], "one");
  EXPECT_EQ(redis_.values["sticky:dan"], "one");
}

TEST_F(SharedBindingsTest, RefreshesLittleByLittle) {
  ASSERT_TRUE(open());
  for (int i = 0; i < 250; ++i) {
    redis_.values["sticky:" + std::to_string(i)] = "one";
    bindings().refresh(std::to_string(i), "one");
  }
  dispatcher_.advance(milliseconds(120));
  run();
  EXPECT_EQ(redis_.count("PEXPIRE"), 100u);
  dispatcher_.advance(milliseconds(120));
  run();
  EXPECT_EQ(redis_.count("PEXPIRE"), 200u);
  dispatcher_.advance(milliseconds(120));
  ASSERT_TRUE(until([&] { return writes("refreshed") == 250; }));
}

TEST_F(SharedBindingsTest, WritesWaitForAConnectionUpToALimit) {
  settings_.max_writes = 3;
  redis_.stopListening();
  table_.emplace(services_, store_.block(1), stats_, settings_);
  for (const char* client : {"a", "b", "c", "d", "e"}) bindings().bind(client, "one");
  EXPECT_EQ(value("sticky_store_queued_writes"), 3);
  EXPECT_EQ(writes("dropped"), 2);
  for (const char* client : {"a", "b", "c", "d"}) bindings().refresh(client, "one");
  EXPECT_EQ(writes("dropped"), 3);
  table_.reset();
  run();
  EXPECT_EQ(value("sticky_store_queued_writes"), 0);
}

TEST_F(SharedBindingsTest, WritesThatWaitedGoWhenTheConnectionIsThere) {
  table_.emplace(services_, store_.block(1), stats_, settings_);
  for (int i = 0; i < 1000; ++i) bindings().bind(std::to_string(i), "one");
  bindings().refresh("ann", "two");
  ASSERT_TRUE(until([&] { return writes("created") == 1000; }));
  EXPECT_EQ(value("sticky_store_queued_writes"), 0);
  dispatcher_.advance(milliseconds(120));
  ASSERT_TRUE(until([&] { return writes("created") == 1001; }));
}

TEST_F(SharedBindingsTest, WritesThatWereUnderWayAreMadeAgain) {
  ASSERT_TRUE(open());
  redis_.holds = true;
  bindings().bind("ann", "one");
  bindings().rebind("bob", "one", "two");
  ASSERT_TRUE(until([&] { return redis_.count("EVAL") == 1; }));
  redis_.dropClients();
  redis_.holds = false;
  ASSERT_TRUE(until([&] { return !bindings().connected(); }));
  EXPECT_EQ(value("sticky_store_queued_writes"), 2);
  dispatcher_.advance(milliseconds(200));
  ASSERT_TRUE(until([&] { return writes("created") == 1 && writes("replaced") == 1; }));
  EXPECT_EQ(redis_.values["sticky:ann"], "one");
  EXPECT_EQ(redis_.values["sticky:bob"], "two");
}

TEST_F(SharedBindingsTest, AWriteThatKillsTheServerIsGivenUp) {
  ASSERT_TRUE(open());
  redis_.script = [&](const RedisCommand& command) {
    return command[0] == "SET" ? "!\r\n" : redis_.answer(command);
  };
  bindings().bind("ann", "one");
  for (int i = 0; i < 20 && writes("error") == 0; ++i) {
    run();
    dispatcher_.advance(milliseconds(500));
  }
  EXPECT_EQ(writes("error"), 1);
  EXPECT_EQ(redis_.count("SET"), 3u);
}

TEST_F(SharedBindingsTest, ErrorsOfTheServerAreCountedAndHarmless) {
  ASSERT_TRUE(open());
  redis_.script = [](const RedisCommand&) { return "-OOM command not allowed\r\n"; };
  Client client;
  ASSERT_TRUE(bindings().ask("ann", client.request));
  bindings().bind("ann", "one");
  bindings().rebind("ann", "one", "two");
  bindings().refresh("ann", "one");
  ASSERT_TRUE(until([&] { return client.told == 1; }));
  dispatcher_.advance(milliseconds(150));
  ASSERT_TRUE(until([&] { return writes("error") == 3; }));
  EXPECT_EQ(lookups("error"), 1);
  EXPECT_TRUE(bindings().connected());
}

TEST_F(SharedBindingsTest, WhoWaitsWhenItGoesIsToldALittleLater) {
  ASSERT_TRUE(open());
  redis_.holds = true;
  Client first;
  Client second;
  auto third = std::make_optional<Client>();
  ASSERT_TRUE(bindings().ask("ann", first.request));
  ASSERT_TRUE(bindings().ask("bob", second.request));
  ASSERT_TRUE(bindings().ask("bob", third->request));
  bindings().bind("ann", "one");
  dispatcher_.post([&] {
    table_.reset();
    EXPECT_EQ(first.told, 0) << "not from inside";
    third.reset();  // takes its question back meanwhile
  });
  dispatcher_.runUntilIdle();
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 1);
  EXPECT_TRUE(second.request.asked);
}

}  // namespace
}  // namespace weir::extensions::stickiness::store
