// The filter in a whole proxy, before origins that speak HTTP/1: its frames on real connections.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

constexpr char kBinary[] = "application/grpc-web+proto";
constexpr char kText[] = "application/grpc-web-text+proto";

std::string config(const ScriptedOrigin& origin) {
  return test::runtime(1) +
         test::edgeListener("http_filters { config { [http_filters/grpc_web] {} } }") +
         test::cluster("origin", {origin.address()});
}

RawMessage call(RawConnection& client, const std::string& type, const std::string& body) {
  client.send("POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: " + type +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return client.readMessage();
}

TEST(GrpcWebProxy, CallsOnOneConnection) {
  std::string asked;
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    for (RawMessage request = connection.readMessage(); request.complete;
         request = connection.readMessage()) {
      asked += request.header("content-type") + " " + request.body;
      connection.send(
          "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n"
          "Trailer: grpc-status\r\n\r\n7\r\n" +
          message("ok") + "\r\n0\r\nGrpc-Status: 0\r\n\r\n");
    }
  });
  test::InProcessProxy proxy(config(origin));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  for (const std::string type : {kBinary, kText, kBinary}) {
    const bool text = type == kText;
    asked.clear();
    const RawMessage answer = call(client, type, text ? toBase64(message("hi")) : message("hi"));
    EXPECT_EQ(asked, "application/grpc+proto " + message("hi"));
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.header("content-type"), type);
    EXPECT_EQ(answer.header("trailer"), "");
    EXPECT_TRUE(answer.trailers.empty());
    EXPECT_EQ(readFrames(text ? fromBase64(answer.body) : answer.body),
              "data ok\ntrailers\ngrpc-status: 0\r\n");
  }
  EXPECT_EQ(origin.connections(), 1);
}

TEST(GrpcWebProxy, ForeignAnswersKeepBothConnections) {
  ScriptedOrigin origin(ScriptedOrigin::answering(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n"
      "<html>"));
  test::InProcessProxy proxy(config(origin));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 3; ++i) {
    const RawMessage answer = call(client, kBinary, message("hi"));
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.header("content-type"), kBinary);
    EXPECT_EQ(answer.header("grpc-status"), "14");
    EXPECT_EQ(answer.body, "");
  }
  EXPECT_EQ(origin.connections(), 1);
}

TEST(GrpcWebProxy, WhatWeirAnswersIsGrpcWeb) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(config(origin));
  origin.kill();
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const RawMessage answer = call(client, kText, toBase64(message("hi")));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("content-type"), kText);
  EXPECT_EQ(answer.header("grpc-status"), "14");
  // The end of the request is not waited for.
  client.send("POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: " + std::string(kText) +
              "\r\nContent-Length: 100\r\n\r\n####");
  const RawMessage refused = client.readMessage();
  EXPECT_EQ(refused.status(), 200);
  EXPECT_TRUE(refused.header("grpc-status") == "13" || refused.header("grpc-status") == "14");
}

// Half a message and then nothing: there is no place for a status, so the answer breaks off.
TEST(GrpcWebProxy, AnOriginThatDiesInAMessageBreaksTheAnswerOff) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    connection.readMessage();
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
        "6\r\n" +
        message("hello").substr(0, 6) + "\r\n");
  });
  test::InProcessProxy proxy(config(origin));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const RawMessage answer = call(client, kBinary, message("hi"));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(client.closedByPeer());
}

TEST(GrpcWebProxy, AnOriginThatDiesBetweenMessagesIsAStatus) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    connection.readMessage();
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
        "7\r\n" +
        message("ok") + "\r\n");
  });
  test::InProcessProxy proxy(config(origin));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const RawMessage answer = call(client, kBinary, message("hi"));
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(readFrames(answer.body),
              ::testing::StartsWith("data ok\ntrailers\ngrpc-status: 14\r\n"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
