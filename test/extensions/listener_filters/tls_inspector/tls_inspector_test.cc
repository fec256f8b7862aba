#include "extensions/listener_filters/tls_inspector/tls_inspector.h"

#include <memory>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/network/client_hello_builder.h"

namespace weir::extensions::listener_filters::tls_inspector {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Step = network::ListenerFilter::Step;
using Protocol = network::ConnectionInfo::Protocol;
using network::test::browserExtensions;
using network::test::clientHelloFor;
using network::test::helloMessage;
using network::test::inRecords;

class TlsInspectorTest : public ::testing::Test {
 protected:
  TlsInspectorTest() {
    services_.put(store_);
    services_.put(store_.block(1));
    start();
  }
  // A new connection.
  void start(TlsInspectorConfig config = {.listener = "edge", .raw_after = {}}) {
    filter_.reset();
    worker_.reset();
    factory_ = std::make_unique<TlsInspectorFactory>(std::move(config));
    worker_ = factory_->bind(services_);
    filter_ = worker_->create();
    connection_.info = std::make_unique<network::ConnectionInfo>();
  }
  Step inspect(std::string_view bytes) {
    size_t consume = 0;
    const Step step = filter_->inspect(bytes, false, connection_, consume);
    EXPECT_EQ(consume, 0u) << "the bytes are the server's";
    return step;
  }
  const network::ConnectionInfo& info() const { return *connection_.info; }
  int64_t stat(const char* name, const std::string& label = {}, const std::string& value = {}) {
    stats::Labels labels = {{"listener", "edge"}};
    if (!label.empty()) labels.emplace_back(label, value);
    return store_.valueOf(name, labels);
  }

  stats::Store store_;
  base::ServiceMap services_;
  std::unique_ptr<TlsInspectorFactory> factory_;
  std::unique_ptr<network::WorkerListenerFilterFactory> worker_;
  std::unique_ptr<network::ListenerFilter> filter_;
  network::InspectedConnection connection_;
};

TEST_F(TlsInspectorTest, FindsNameAndProtocols) {
  const std::string hello =
      inRecords(helloMessage(browserExtensions("Shop.Example", {"h2", "http/1.1"})), 500);
  EXPECT_EQ(inspect(""), Step::kNeedMore);
  EXPECT_EQ(inspect(hello.substr(0, 700)), Step::kNeedMore);
  EXPECT_EQ(inspect(hello), Step::kContinue);
  EXPECT_EQ(info().protocol, Protocol::kTls);
  EXPECT_EQ(info().server_name, "shop.example");
  EXPECT_THAT(info().application_protocols, ElementsAre("h2", "http/1.1"));
  EXPECT_EQ(stat("tls_inspector_connections_total", "found", "tls"), 1);
  EXPECT_EQ(stat("tls_inspector_server_name_total"), 1);
  EXPECT_EQ(stat("tls_inspector_alpn_total"), 1);
}

TEST_F(TlsInspectorTest, AHelloMayNameNothing) {
  EXPECT_EQ(inspect(clientHelloFor("")), Step::kContinue);
  EXPECT_EQ(info().protocol, Protocol::kTls);
  EXPECT_EQ(info().server_name, "");
  EXPECT_EQ(stat("tls_inspector_server_name_total"), 0);
  EXPECT_EQ(stat("tls_inspector_alpn_total"), 0);
}

TEST_F(TlsInspectorTest, WhatIsNotTlsIsRaw) {
  EXPECT_EQ(inspect("GET / HTTP/1.1\r\n"), Step::kContinue);
  EXPECT_EQ(info().protocol, Protocol::kRaw);
  EXPECT_THAT(info().application_protocols, IsEmpty());
  EXPECT_EQ(stat("tls_inspector_connections_total", "found", "raw"), 1);
}

TEST_F(TlsInspectorTest, MalformedHellosAreClosed) {
  EXPECT_EQ(inspect(std::string("\x16\x03\x01\x00\x05\x02", 6)), Step::kClose);
  EXPECT_EQ(stat("tls_inspector_malformed_total", "reason", "not_client_hello"), 1);
}

TEST_F(TlsInspectorTest, NothingInTimeIsRawWhereThatIsWanted) {
  EXPECT_EQ(filter_->timeout().count(), 0) << "not by default";
  start({.listener = "edge", .raw_after = std::chrono::milliseconds(100)});
  EXPECT_EQ(filter_->timeout().count(), 100);
  EXPECT_EQ(filter_->onTimeout(connection_), Step::kContinue);
  EXPECT_EQ(info().protocol, Protocol::kRaw);
  start({.listener = "edge", .raw_after = std::chrono::milliseconds(100)});
  EXPECT_EQ(inspect("\x16\x03"), Step::kNeedMore);
  EXPECT_EQ(filter_->onTimeout(connection_), Step::kClose) << "half a hello is not raw";
  EXPECT_EQ(stat("tls_inspector_timeouts_total"), 2);
}

}  // namespace
}  // namespace weir::extensions::listener_filters::tls_inspector
