#include "source/network/listener_filter.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/fakes/fake_transport.h"
#include "test/network/listener_fixture.h"

// How listener filters are run: source/network/inspection.h under a WorkerListener.
namespace weir::network::test {
namespace {

using std::chrono::milliseconds;
using Step = ListenerFilter::Step;

// What a filter of these tests does; by default it takes a line "word\n" and names the server by
// it.
struct Script {
  size_t max_bytes = 64;
  milliseconds timeout{0};
  Step on_timeout = Step::kClose;
  std::function<Step(std::string_view, bool, InspectedConnection&, size_t&)> inspect =
      [](std::string_view bytes, bool, InspectedConnection& connection, size_t& consume) {
        const size_t end = bytes.find('\n');
        if (end == std::string_view::npos) return Step::kNeedMore;
        connection.info->server_name = std::string(bytes.substr(0, end));
        consume = end + 1;
        return Step::kContinue;
      };
};

class ScriptedFilter final : public ListenerFilter {
 public:
  explicit ScriptedFilter(const Script& script) : script_(script) {}
  size_t maxBytes(const InspectedConnection&) const override { return script_.max_bytes; }
  Step inspect(std::string_view bytes, bool ended, InspectedConnection& connection,
               size_t& consume) override {
    return script_.inspect(bytes, ended, connection, consume);
  }
  milliseconds timeout() const override { return script_.timeout; }
  Step onTimeout(InspectedConnection&) override { return script_.on_timeout; }

 private:
  const Script& script_;
};

// The filters go by the copy of the script that the worker's factory has.
class ScriptedFactory final : public ListenerFilterFactory {
 public:
  explicit ScriptedFactory(Script script) : script_(std::move(script)) {}
  std::unique_ptr<WorkerListenerFilterFactory> bind(base::ServiceMap&) const override {
    class Bound final : public WorkerListenerFilterFactory {
     public:
      explicit Bound(const Script& script) : script_(script) {}
      std::unique_ptr<ListenerFilter> create() override {
        return std::make_unique<ScriptedFilter>(script_);
      }

     private:
      const Script script_;
    };
    return std::make_unique<Bound>(script_);
  }

 private:
  const Script script_;
};

// Bytes that come through a FakeTransport.
class FakeTransportFactory final : public TransportSocketFactory {
 public:
  explicit FakeTransportFactory(std::shared_ptr<FakeWire> wire) : wire_(std::move(wire)) {}
  std::unique_ptr<WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    class Bound final : public WorkerTransportSocketFactory {
     public:
      explicit Bound(std::shared_ptr<FakeWire> wire) : wire_(std::move(wire)) {}
      std::unique_ptr<TransportSocket> create(const TransportTarget&) override {
        return std::make_unique<FakeTransport>(wire_);
      }

     private:
      std::shared_ptr<FakeWire> wire_;
    };
    return std::make_unique<Bound>(wire_);
  }

 private:
  const std::shared_ptr<FakeWire> wire_;
};

class ListenerFilterTest : public ListenerTest {
 protected:
  std::shared_ptr<ListenerConfig> filtered(std::vector<Script> scripts = {Script()}) {
    auto wanted = config({echo()});
    for (Script& script : scripts) {
      wanted->filters.push_back({"scripted", std::make_shared<ScriptedFactory>(std::move(script))});
    }
    return wanted;
  }
  bool inspecting(int64_t count) {
    return until([&] { return stat("listener_connections_inspecting") == count; });
  }
  bool echoes(const base::UniqueFd& client, std::string_view expected) {
    std::string got;
    return until([&] { return (got += drainSocket(client.get())) == expected; });
  }
  void expectNothingLeft() {
    EXPECT_EQ(stat("listener_connections_inspecting"), 0);
    EXPECT_EQ(stat("listener_connections_active"), 0);
    EXPECT_EQ(listener_->openConnections(), 0u);
    EXPECT_EQ(own_->open() + total_->open(), 0u);
  }
};

TEST_F(ListenerFilterTest, BytesMayComeOneByOne) {
  listen(filtered());
  const base::UniqueFd client = connect();
  for (const char c : std::string("name\nrest")) {
    fillSocket(client.get(), {&c, 1});
    worker_.settle();
  }
  EXPECT_TRUE(echoes(client, "rest"));
  EXPECT_EQ(stat("listener_connections_inspecting"), 0);
  EXPECT_EQ(listener_->openConnections(), 1u);
}

TEST_F(ListenerFilterTest, WhatWasReadAheadIsNotLost) {
  listen(filtered());
  const base::UniqueFd client = connect();
  const std::string rest = pattern(100'000);
  fillSocket(client.get(), "name\n" + rest);
  EXPECT_TRUE(echoes(client, rest));
}

TEST_F(ListenerFilterTest, WhatWasReadAheadGoesToTheTransport) {
  const auto wire = std::make_shared<FakeWire>();
  auto wanted = filtered();
  auto chain = echo();
  chain->transport = std::make_shared<FakeTransportFactory>(wire);
  wanted->filter_chains = {chain};
  wanted->selector = nullptr;
  listen(wanted);
  const base::UniqueFd client = connect();
  fillSocket(client.get(), "name\nhello");
  EXPECT_TRUE(until([&] { return wire->written == "hello"; }));
}

TEST_F(ListenerFilterTest, TheNextFilterSeesWhatTheFirstLeft) {
  std::vector<std::string> seen;
  Script recording;
  recording.inspect = [&](std::string_view bytes, bool, InspectedConnection& connection, size_t&) {
    seen.emplace_back(bytes);
    return connection.info->server_name == "name" ? Step::kContinue : Step::kClose;
  };
  listen(filtered({Script(), recording}));
  const base::UniqueFd client = connect();
  fillSocket(client.get(), "name\nrest");
  EXPECT_TRUE(echoes(client, "rest"));
  EXPECT_EQ(seen, std::vector<std::string>{"rest"});
}

TEST_F(ListenerFilterTest, OneThatLooksAtNoBytesDoesNotWait) {
  Script quick;
  quick.max_bytes = 0;
  quick.inspect = [](std::string_view, bool, InspectedConnection& connection, size_t&) {
    connection.remote = *Address::parse("192.0.2.1:7");
    return Step::kContinue;
  };
  auto wanted = filtered({quick});
  auto chain = echo();
  chain->match.source_prefixes = {*Prefix::parse("192.0.2.0/24")};
  wanted->filter_chains = {chain};
  wanted->selector = std::make_shared<FilterChainSelector>(wanted->filter_chains);
  listen(wanted);
  const base::UniqueFd client = connect();
  EXPECT_TRUE(until([&] { return counts_.created == 1; }));
  EXPECT_EQ(stat("listener_no_filter_chain_match_total"), 0);
}

TEST_F(ListenerFilterTest, ChainsAreChosenByWhatWasFound) {
  auto wanted = filtered();
  auto chain = echo();
  chain->match.server_names = {"shop"};
  wanted->filter_chains = {chain};
  wanted->selector = std::make_shared<FilterChainSelector>(wanted->filter_chains);
  listen(wanted);
  const base::UniqueFd right = connect();
  fillSocket(right.get(), "shop\nhello");
  EXPECT_TRUE(echoes(right, "hello"));
  const base::UniqueFd wrong = connect();
  fillSocket(wrong.get(), "other\nhello");
  EXPECT_TRUE(endedByServer(wrong));
  EXPECT_EQ(stat("listener_no_filter_chain_match_total"), 1);
}

TEST_F(ListenerFilterTest, TheOriginalDestinationsPortChooses) {
  Script redirected;
  redirected.max_bytes = 0;
  redirected.inspect = [](std::string_view, bool, InspectedConnection& connection, size_t&) {
    connection.info->original_destination = *Address::parse("192.0.2.1:3306");
    return Step::kContinue;
  };
  auto wanted = filtered({redirected});
  auto chain = echo();
  chain->match.destination_port = 3306;
  wanted->filter_chains = {chain};
  wanted->selector = std::make_shared<FilterChainSelector>(wanted->filter_chains);
  listen(wanted);
  const base::UniqueFd client = connect();
  EXPECT_TRUE(until([&] { return counts_.created == 1; }));
}

TEST_F(ListenerFilterTest, RefusalsClose) {
  Script refusing;
  refusing.inspect = [](std::string_view, bool, InspectedConnection&, size_t&) {
    return Step::kClose;
  };
  listen(filtered({refusing}));
  const base::UniqueFd client = connect();
  fillSocket(client.get(), "x");
  EXPECT_TRUE(endedByServer(client));
  EXPECT_EQ(stat("listener_filter_refused_total"), 1);
  EXPECT_EQ(counts_.created, 0);
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, MoreThanAFilterAsksForIsNotKept) {
  Script greedy;
  greedy.max_bytes = 5000;
  size_t most = 0;
  greedy.inspect = [&](std::string_view bytes, bool, InspectedConnection&, size_t&) {
    most = std::max(most, bytes.size());
    return Step::kNeedMore;
  };
  listen(filtered({greedy}));
  const base::UniqueFd client = connect();
  fillSocket(client.get(), std::string(100'000, 'x'));
  EXPECT_TRUE(endedByServer(client));
  EXPECT_EQ(most, 5000u);
  EXPECT_EQ(stat("listener_filter_refused_total"), 1);
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, SilentClientsAreClosedInTime) {
  auto wanted = filtered();
  wanted->filters_timeout = milliseconds(3000);
  listen(wanted);
  const base::UniqueFd silent = connect();
  const base::UniqueFd slow = connect();
  EXPECT_TRUE(inspecting(2));
  for (int i = 0; i < 5; ++i) {
    fillSocket(slow.get(), "x");
    worker_.dispatcher.advance(milliseconds(500));
  }
  EXPECT_EQ(stat("listener_filter_timeouts_total"), 0);
  worker_.dispatcher.advance(milliseconds(600));
  EXPECT_TRUE(endedByServer(silent));
  EXPECT_TRUE(endedByServer(slow)) << "bytes win no time";
  EXPECT_EQ(stat("listener_filter_timeouts_total"), 2);
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, WithoutALimitItWaits) {
  auto wanted = filtered();
  wanted->filters_timeout = milliseconds(0);
  listen(wanted);
  const base::UniqueFd client = connect();
  EXPECT_TRUE(inspecting(1));
  worker_.dispatcher.advance(std::chrono::hours(1));
  fillSocket(client.get(), "a\nb");
  EXPECT_TRUE(echoes(client, "b"));
}

TEST_F(ListenerFilterTest, AFilterMayGoOnAfterItsOwnTime) {
  Script patient;
  patient.timeout = milliseconds(500);
  patient.on_timeout = Step::kContinue;
  listen(filtered({patient, patient}));
  const base::UniqueFd client = connect();
  EXPECT_TRUE(inspecting(1));
  fillSocket(client.get(), "part");
  worker_.settle();
  worker_.dispatcher.advance(milliseconds(520));
  EXPECT_EQ(stat("listener_connections_inspecting"), 1) << "the second has time of its own";
  worker_.dispatcher.advance(milliseconds(520));
  EXPECT_TRUE(echoes(client, "part")) << "nothing is lost";
}

TEST_F(ListenerFilterTest, AFilterMayCloseAfterItsOwnTime) {
  Script impatient;
  impatient.timeout = milliseconds(500);
  listen(filtered({impatient}));
  const base::UniqueFd client = connect();
  EXPECT_TRUE(inspecting(1));
  worker_.dispatcher.advance(milliseconds(520));
  EXPECT_TRUE(endedByServer(client));
  EXPECT_EQ(stat("listener_filter_timeouts_total"), 1);
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, TheListenersLimitHoldsForAllFilters) {
  Script patient;
  patient.timeout = milliseconds(700);
  patient.on_timeout = Step::kContinue;
  auto wanted = filtered({patient, patient});
  wanted->filters_timeout = milliseconds(1000);
  listen(wanted);
  const base::UniqueFd client = connect();
  EXPECT_TRUE(inspecting(1));
  worker_.dispatcher.advance(milliseconds(720));
  EXPECT_EQ(stat("listener_connections_inspecting"), 1);
  worker_.dispatcher.advance(milliseconds(300));
  EXPECT_TRUE(endedByServer(client));
  EXPECT_EQ(stat("listener_filter_timeouts_total"), 1);
}

TEST_F(ListenerFilterTest, ClientsThatLeaveEarly) {
  listen(filtered());
  {
    const base::UniqueFd closing = connect();
    const base::UniqueFd halved = connect();
    const base::UniqueFd resetting = connect();
    EXPECT_TRUE(inspecting(3));
    fillSocket(halved.get(), "half a li");
    shutdown(halved.get(), SHUT_WR);
    resetOnClose(resetting.get());
  }
  EXPECT_TRUE(inspecting(0));
  EXPECT_EQ(stat("listener_filter_refused_total"), 3);
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, AnEndBehindTheBytesIsTold) {
  listen(filtered());
  const base::UniqueFd client = connect();
  fillSocket(client.get(), "name\nlast words");
  shutdown(client.get(), SHUT_WR);
  EXPECT_TRUE(echoes(client, "last words"));
  EXPECT_TRUE(endedByServer(client));
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 0; }));
}

TEST_F(ListenerFilterTest, ThoseInspectedCountAgainstTheLimit) {
  own_->setLimit(2);
  listen(filtered());
  std::vector<base::UniqueFd> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(connect());
  EXPECT_TRUE(inspecting(2));
  EXPECT_EQ(listener_->openConnections(), 2u);
  EXPECT_TRUE(endedByServer(connect()));
  EXPECT_EQ(stat("listener_connections_overflow_total"), 1);
  fillSocket(clients[0].get(), "a\nb");
  EXPECT_TRUE(echoes(clients[0], "b"));
  EXPECT_EQ(own_->open(), 2u);
  clients.clear();
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 0; }));
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, DrainingWaitsForThoseThatHaveBegun) {
  listen(filtered());
  const base::UniqueFd idle = connect();
  const base::UniqueFd client = connect();
  fillSocket(client.get(), "a");
  EXPECT_TRUE(inspecting(2));
  worker_.act([&] {
    listener_->stopAccepting();
    listener_->drain();
  });
  EXPECT_TRUE(endedByServer(idle)) << "has sent nothing";
  EXPECT_EQ(listener_->openConnections(), 1u);
  fillSocket(client.get(), "\nb");
  EXPECT_TRUE(until([&] { return counts_.drained == 1; })) << "told as soon as it is one";
  EXPECT_TRUE(until([&] { return listener_->openConnections() == 0; }));
  expectNothingLeft();
}

TEST_F(ListenerFilterTest, ClosingAllClosesThoseInspected) {
  const int descriptors = openDescriptors();
  {
    listen(filtered());
    const base::UniqueFd client = connect();
    EXPECT_TRUE(inspecting(1));
    worker_.act([&] { listener_->closeAll(); });
    EXPECT_TRUE(endedByServer(client));
    expectNothingLeft();
    const base::UniqueFd other = connect();
    EXPECT_TRUE(inspecting(1));
    listener_.reset();
    EXPECT_EQ(own_->open() + total_->open(), 0u);
    EXPECT_EQ(stat("listener_connections_inspecting"), 0);
    sockets_.reset();
  }
  EXPECT_EQ(openDescriptors(), descriptors);
}

// Those under way end by the filters they began with, and then go to the newest chains.
TEST_F(ListenerFilterTest, ReconfigurationDoesNotDisturbThoseInspected) {
  listen(filtered());
  const base::UniqueFd old = connect();
  fillSocket(old.get(), "na");
  EXPECT_TRUE(inspecting(1));
  auto newer = config({echo()});
  newer->filter_chains[0] = [&] {
    auto chain = echo();
    chain->match.server_names = {"name"};
    return chain;
  }();
  newer->selector = std::make_shared<FilterChainSelector>(newer->filter_chains);
  worker_.act([&] { listener_->update(newer); });
  EXPECT_TRUE(endedByServer(connect())) << "new ones have no filters and no name";
  fillSocket(old.get(), "me\nhello");
  EXPECT_TRUE(echoes(old, "hello"));
  worker_.act([&] { listener_->update(filtered()); });
  const base::UniqueFd next = connect();
  EXPECT_TRUE(inspecting(1));
}

TEST_F(ListenerFilterTest, ThousandsThatWaitCostLittle) {
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  const size_t count = std::min<size_t>(10'000, (descriptors.rlim_cur - 500) / 2);
  Script large;
  large.max_bytes = 20 * 1024;
  large.inspect = [](std::string_view, bool, InspectedConnection&, size_t&) {
    return Step::kNeedMore;
  };
  listen(filtered({large}));
  std::vector<base::UniqueFd> clients;
  clients.reserve(count);
  const size_t before = mallinfo2().uordblks;
  while (clients.size() < count) {
    clients.push_back(connect());
    if (clients.size() % 500 == 0) worker_.settle();
  }
  EXPECT_TRUE(inspecting(static_cast<int64_t>(count)));
  // What a sanitizer allocates is not counted: then this says nothing. The fake dispatcher's own
  // entries are within it.
  const size_t each = (mallinfo2().uordblks - before) / count;
  EXPECT_LE(each, 1200u) << "bytes for each that has sent nothing";
  worker_.dispatcher.advance(milliseconds(10'100));
  EXPECT_TRUE(inspecting(0));
  EXPECT_EQ(stat("listener_filter_timeouts_total"), static_cast<int64_t>(count));
  expectNothingLeft();
}

}  // namespace
}  // namespace weir::network::test
