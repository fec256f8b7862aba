// RFC 9113, section 8: how HTTP is expressed. Weir as the server, in front of an HTTP/1 origin.

#include <string>
#include <vector>

#include "gmock/gmock.h"

#include "test/conformance/server_fixture.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using http2::Field;
using ::testing::HasSubstr;
using ::testing::Not;
using enum ErrorCode;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;

std::string whole(const Fields& fields) {
  return http2::headers(1, hpack::block(fields), kWhole);
}

// A request that must not be forwarded, with one more field.
std::string with(const Field& field) {
  return whole(http2::get(kForbiddenPath, {field}));
}

// The same with one pseudo-header field as `value`; without it when `value` is null.
std::string changed(std::string_view name, const char* value) {
  Fields fields = http2::get(kForbiddenPath);
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name != name) continue;
    if (value == nullptr) {
      fields.erase(fields.begin() + static_cast<ptrdiff_t>(i));
    } else {
      fields[i].value = value;
    }
    break;
  }
  return whole(fields);
}

// A request with content-length `length` and the body in two frames.
std::string withLength(const char* length, std::string_view first, std::string_view second) {
  const Fields fields = http2::post(kForbiddenPath, {{"content-length", length}});
  return http2::headers(1, hpack::block(fields)) + http2::data(1, first) +
         http2::data(1, second, http2::kEndStream);
}

std::string withTrailers(const Fields& trailers, uint8_t flags = kWhole) {
  return http2::headers(1, hpack::block(http2::post(kForbiddenPath, {{"content-length", "9"}}))) +
         http2::data(1, "body") + http2::headers(1, hpack::block(trailers), flags);
}

// 8.1: the frames of a request.
const Rule kFraming[] = {
    {"S8_1_AHeadAlone", Before::kIdle, whole(http2::get()), Outcome::kServed},
    {"S8_1_HeadBodyAndTrailers", Before::kIdle,
     http2::headers(1, hpack::block(http2::post("/"))) + http2::data(1, "body") +
         http2::headers(1, hpack::block({{"x-trailer", "1"}}), kWhole),
     Outcome::kServed},
    {"S8_1_HeadAndTrailers", Before::kIdle,
     http2::headers(1, hpack::block(http2::post("/"))) +
         http2::headers(1, hpack::block({{"x-trailer", "1"}}), kWhole),
     Outcome::kServed},
    {"S8_1_EmptyTrailers", Before::kIdle,
     http2::headers(1, hpack::block(http2::post("/"))) + http2::data(1, "body") +
         http2::headers(1, "", kWhole),
     Outcome::kServed},
    {"S8_1_TrailersWithoutTheEnd", Before::kIdle,
     withTrailers({{"x-trailer", "1"}}, http2::kEndHeaders), Outcome::kMalformed},
    {"S8_1_ASecondHead", Before::kIdle,
     withTrailers(http2::get(kForbiddenPath), http2::kEndHeaders), Outcome::kMalformed},
    {"S8_1_PseudoHeaderFieldsInTrailers", Before::kIdle, withTrailers({{":path", "/"}}),
     Outcome::kMalformed},
    {"S8_1_StatusInTrailers", Before::kIdle, withTrailers({{":status", "200"}}),
     Outcome::kMalformed},
    {"S8_2_UpperCaseInTrailers", Before::kIdle, withTrailers({{"X-Trailer", "1"}}),
     Outcome::kMalformed},
    {"S8_2_2_ConnectionInTrailers", Before::kIdle, withTrailers({{"connection", "close"}}),
     Outcome::kMalformed},
    {"S8_1_1_LessContentThanItsLength", Before::kIdle, withLength("10", "four", "four"),
     Outcome::kMalformed},
    {"S8_1_1_MoreContentThanItsLength", Before::kIdle, withLength("5", "four", "four"),
     Outcome::kMalformed},
    {"S8_1_1_ContentThoughTheLengthIsZero", Before::kIdle, withLength("0", "four", ""),
     Outcome::kMalformed},
    {"S8_1_1_NoContentThoughTheLengthIsNot", Before::kIdle,
     whole(http2::post(kForbiddenPath, {{"content-length", "1"}})), Outcome::kMalformed},
    {"S8_1_1_TwoLengths", Before::kIdle,
     whole(http2::post(kForbiddenPath, {{"content-length", "0"}, {"content-length", "1"}})),
     Outcome::kMalformed},
    {"S8_1_1_ALengthThatIsNoNumber", Before::kIdle, withLength("+8", "four", "four"),
     Outcome::kMalformed},
    {"S8_1_1_ALengthThatFits", Before::kIdle,
     http2::headers(1, hpack::block(http2::post("/", {{"content-length", "8"}}))) +
         http2::data(1, "four") + http2::data(1, "four", http2::kEndStream),
     Outcome::kServed},
    {"S8_1_1_PaddingIsNoContent", Before::kIdle,
     http2::headers(1, hpack::block(http2::post("/", {{"content-length", "4"}}))) +
         http2::data(1, http2::paddedPayload("four", 20), http2::kEndStream | http2::kPadded),
     Outcome::kServed},
};
INSTANTIATE_TEST_SUITE_P(Section8_1, ServerRule, ::testing::ValuesIn(kFraming), ServerRule::nameOf);

// 8.2: what a field may be.
const Rule kFields[] = {
    {"S8_2_UpperCaseInAName", Before::kIdle, with({"X-Upper", "1"}), Outcome::kMalformed},
    {"S8_2_UpperCaseAtTheEndOfAName", Before::kIdle, with({"x-uppeR", "1"}), Outcome::kMalformed},
    {"S8_2_1_AnEmptyName", Before::kIdle, with({"", "1"}), Outcome::kMalformed},
    {"S8_2_1_ASpaceInAName", Before::kIdle, with({"x y", "1"}), Outcome::kMalformed},
    {"S8_2_1_ASpaceBehindAName", Before::kIdle, with({"x ", "1"}), Outcome::kMalformed},
    {"S8_2_1_ANulInAName", Before::kIdle, with({std::string("x\0y", 3), "1"}), Outcome::kMalformed},
    {"S8_2_1_ALineFeedInAName", Before::kIdle, with({"x\ny", "1"}), Outcome::kMalformed},
    {"S8_2_1_ACarriageReturnInAName", Before::kIdle, with({"x\ry", "1"}), Outcome::kMalformed},
    {"S8_2_1_ATabInAName", Before::kIdle, with({"x\ty", "1"}), Outcome::kMalformed},
    {"S8_2_1_DeleteInAName", Before::kIdle, with({"x\x7f", "1"}), Outcome::kMalformed},
    {"S8_2_1_AHighOctetInAName", Before::kIdle, with({"x\xff", "1"}), Outcome::kMalformed},
    {"S8_2_1_Octet128InAName", Before::kIdle, with({"\x80", "1"}), Outcome::kMalformed},
    {"S8_2_1_AColonInAName", Before::kIdle, with({"x:y", "1"}), Outcome::kMalformed},
    {"S8_2_1_AColonBehindAName", Before::kIdle, with({"x:", "1"}), Outcome::kMalformed},
    {"S8_2_1_ANulInAValue", Before::kIdle, with({"x", std::string("a\0b", 3)}),
     Outcome::kMalformed},
    {"S8_2_1_ALineFeedInAValue", Before::kIdle, with({"x", "a\nb"}), Outcome::kMalformed},
    {"S8_2_1_ACarriageReturnInAValue", Before::kIdle, with({"x", "a\rb"}), Outcome::kMalformed},
    {"S8_2_1_AnotherRequestInAValue", Before::kIdle,
     with({"x", "a\r\nX-Smuggled: 1\r\n\r\nGET /forbidden HTTP/1.1\r\nHost: a"}),
     Outcome::kMalformed},
    {"S8_2_1_ASpaceBeforeAValue", Before::kIdle, with({"x", " a"}), Outcome::kMalformed},
    {"S8_2_1_ASpaceBehindAValue", Before::kIdle, with({"x", "a "}), Outcome::kMalformed},
    {"S8_2_1_ATabBeforeAValue", Before::kIdle, with({"x", "\ta"}), Outcome::kMalformed},
    {"S8_2_1_ATabBehindAValue", Before::kIdle, with({"x", "a\t"}), Outcome::kMalformed},
    {"S8_2_1_NothingButASpaceInAValue", Before::kIdle, with({"x", " "}), Outcome::kMalformed},
    {"S8_2_1_SpaceWithinAValueIsTaken", Before::kIdle, whole(http2::get("/", {{"x", "a \t b"}})),
     Outcome::kServed},
    {"S8_2_1_AnEmptyValueIsTaken", Before::kIdle, whole(http2::get("/", {{"x", ""}})),
     Outcome::kServed},
    {"S8_2_1_ALineFeedInThePath", Before::kIdle, changed(":path", "/forbidden\n"),
     Outcome::kMalformed},
    {"S8_2_1_ASpaceInThePath", Before::kIdle, changed(":path", "/forbidden HTTP/1.1\r\nX: y"),
     Outcome::kMalformed},
    {"S8_2_1_ASpaceInTheMethod", Before::kIdle, changed(":method", "GET /forbidden HTTP/1.1"),
     Outcome::kMalformed},
    {"S8_2_1_ALineFeedInTheAuthority", Before::kIdle, changed(":authority", "a\r\nX: y"),
     Outcome::kMalformed},
    {"S8_2_2_Connection", Before::kIdle, with({"connection", "keep-alive"}), Outcome::kMalformed},
    {"S8_2_2_ProxyConnection", Before::kIdle, with({"proxy-connection", "keep-alive"}),
     Outcome::kMalformed},
    {"S8_2_2_KeepAlive", Before::kIdle, with({"keep-alive", "timeout=5"}), Outcome::kMalformed},
    {"S8_2_2_TransferEncoding", Before::kIdle, with({"transfer-encoding", "chunked"}),
     Outcome::kMalformed},
    {"S8_2_2_Upgrade", Before::kIdle, with({"upgrade", "websocket"}), Outcome::kMalformed},
    {"S8_2_2_TeOtherThanTrailers", Before::kIdle, with({"te", "trailers, deflate"}),
     Outcome::kMalformed},
    {"S8_2_2_TeGzip", Before::kIdle, with({"te", "gzip"}), Outcome::kMalformed},
    {"S8_2_2_TeTrailersIsTaken", Before::kIdle, whole(http2::get("/", {{"te", "trailers"}})),
     Outcome::kServed},
};
INSTANTIATE_TEST_SUITE_P(Section8_2, ServerRule, ::testing::ValuesIn(kFields), ServerRule::nameOf);

// 8.3: pseudo-header fields. That a Host field names the same as :authority is only a SHOULD;
// between a proxy and its origin it is where requests are smuggled.
const Rule kControlData[] = {
    {"S8_3_AnUnknownPseudoHeaderField", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {":authority", "a"},
            {":unknown", "1"}}),
     Outcome::kMalformed},
    {"S8_3_StatusInARequest", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {":authority", "a"},
            {":status", "200"}}),
     Outcome::kMalformed},
    {"S8_3_BehindARegularField", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":authority", "a"},
            {"x", "1"},
            {":path", "/forbidden"}}),
     Outcome::kMalformed},
    {"S8_3_MethodTwice", Before::kIdle, with({":method", "GET"}), Outcome::kMalformed},
    {"S8_3_SchemeTwice", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {":authority", "a"}}),
     Outcome::kMalformed},
    {"S8_3_PathTwice", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {":path", "/forbidden"},
            {":authority", "a"}}),
     Outcome::kMalformed},
    {"S8_3_AuthorityTwice", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {":authority", "a"},
            {":authority", "a"}}),
     Outcome::kMalformed},
    {"S8_3_1_NoMethod", Before::kIdle, changed(":method", nullptr), Outcome::kMalformed},
    {"S8_3_1_NoScheme", Before::kIdle, changed(":scheme", nullptr), Outcome::kMalformed},
    {"S8_3_1_NoPath", Before::kIdle, changed(":path", nullptr), Outcome::kMalformed},
    {"S8_3_1_AnEmptyPath", Before::kIdle, changed(":path", ""), Outcome::kMalformed},
    {"S8_3_1_AnEmptyMethod", Before::kIdle, changed(":method", ""), Outcome::kMalformed},
    {"S8_3_1_AnEmptyScheme", Before::kIdle, changed(":scheme", ""), Outcome::kMalformed},
    {"S8_3_1_APathWithoutSlash", Before::kIdle, changed(":path", "forbidden"), Outcome::kMalformed},
    {"S8_3_1_AsteriskOfAnotherMethodThanOptions", Before::kIdle, changed(":path", "*"),
     Outcome::kMalformed},
    {"S8_3_1_UserInfoInTheAuthority", Before::kIdle, changed(":authority", "user@a"),
     Outcome::kMalformed},
    {"S8_3_1_NoAuthorityAtAll", Before::kIdle, changed(":authority", nullptr), Outcome::kMalformed},
    {"S8_3_1_AnEmptyAuthority", Before::kIdle, changed(":authority", ""), Outcome::kMalformed},
    {"S8_3_1_AHostThatDiffersFromTheAuthority", Before::kIdle, with({"host", "b"}),
     Outcome::kMalformed},
    {"S8_3_1_TwoHosts", Before::kIdle,
     whole({{":method", "GET"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {"host", "a"},
            {"host", "a"}}),
     Outcome::kMalformed},
    {"S8_3_1_AHostInPlaceOfTheAuthorityIsTaken", Before::kIdle,
     whole({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "a"}}),
     Outcome::kServed},
    {"S8_3_1_AHostThatIsTheAuthorityIsTaken", Before::kIdle,
     whole(http2::get("/", {{"host", "a"}})), Outcome::kServed},
    {"S8_3_1_PseudoHeaderFieldsInAnyOrder", Before::kIdle,
     whole({{":authority", "a"}, {":path", "/"}, {":scheme", "http"}, {":method", "GET"}}),
     Outcome::kServed},
    {"S8_3_1_AnEmptyFieldBlock", Before::kIdle, http2::headers(1, "", kWhole), Outcome::kMalformed},
};
INSTANTIATE_TEST_SUITE_P(Section8_3, ServerRule, ::testing::ValuesIn(kControlData),
                         ServerRule::nameOf);

// 8.5, and RFC 8441: CONNECT.
const Rule kConnect[] = {
    {"S8_5_ConnectWithAScheme", Before::kIdle,
     whole({{":method", "CONNECT"}, {":scheme", "http"}, {":authority", "forbidden:1"}}),
     Outcome::kMalformed},
    {"S8_5_ConnectWithAPath", Before::kIdle,
     whole({{":method", "CONNECT"}, {":path", "/forbidden"}, {":authority", "forbidden:1"}}),
     Outcome::kMalformed},
    {"S8_5_ConnectWithoutAuthority", Before::kIdle, whole({{":method", "CONNECT"}}),
     Outcome::kMalformed},
    {"S8_5_ConnectWithoutAPort", Before::kIdle,
     whole({{":method", "CONNECT"}, {":authority", "forbidden"}}), Outcome::kMalformed},
    {"Rfc8441_4_ProtocolWithoutConnect", Before::kIdle,
     whole({{":method", "GET"},
            {":protocol", "websocket"},
            {":scheme", "http"},
            {":path", "/forbidden"},
            {":authority", "a"}}),
     Outcome::kMalformed},
    {"Rfc8441_4_ProtocolWithoutAPath", Before::kIdle,
     whole({{":method", "CONNECT"},
            {":protocol", "websocket"},
            {":scheme", "http"},
            {":authority", "a"}}),
     Outcome::kMalformed},
    {"Rfc8441_4_ProtocolWithoutAScheme", Before::kIdle,
     whole({{":method", "CONNECT"},
            {":protocol", "websocket"},
            {":path", "/forbidden"},
            {":authority", "a"}}),
     Outcome::kMalformed},
};
INSTANTIATE_TEST_SUITE_P(Section8_5, ServerRule, ::testing::ValuesIn(kConnect), ServerRule::nameOf);

// What goes on to an HTTP/1 origin, which answers with the request as it came.
class ServerTranslation : public ServerTest {
 protected:
  void SetUp() override {
    if (!testsWeir()) GTEST_SKIP() << "an outside server tells nothing of what it forwards";
  }

  static std::string forwarded(const Fields& fields) {
    Http2Peer peer = connect();
    const Message& message = peer.finish(peer.request(fields));
    EXPECT_EQ(message.status(), 200) << message.text();
    EXPECT_EQ(peer.violations(), "");
    return message.body;
  }
};

// 8.3.1: Host is what :authority says, whatever a Host field says in other words.
TEST_F(ServerTranslation, HostIsTheAuthority) {
  EXPECT_THAT(forwarded(http2::get("/host")), HasSubstr("\nhost: a\n"));
  EXPECT_THAT(forwarded(http2::get("/host", {{"host", "a"}})), HasSubstr("\nhost: a\n"));
  EXPECT_THAT(
      forwarded({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "b:80"}}),
      HasSubstr("\nhost: b:80\n"));
}

// 8.2.3: crumbs of cookies become one field.
TEST_F(ServerTranslation, CookiesAreJoined) {
  EXPECT_THAT(forwarded(http2::get(
                  "/", {{"cookie", "a=b"}, {"x", "1"}, {"cookie", "c=d; e=f"}, {"cookie", "g=h"}})),
              HasSubstr("\ncookie: a=b; c=d; e=f; g=h\n"));
}

// 8.3.1: OPTIONS in asterisk form.
TEST_F(ServerTranslation, OptionsOfTheServerAsAWhole) {
  EXPECT_THAT(
      forwarded({{":method", "OPTIONS"}, {":scheme", "http"}, {":path", "*"}, {":authority", "a"}}),
      ::testing::StartsWith("OPTIONS * HTTP/1.1\n"));
}

// 8.2.2: fields of an HTTP/1 connection do not get into HTTP/2. The origin sends them all.
TEST_F(ServerTranslation, FieldsOfTheConnectionAreRemoved) {
  Http2Peer peer = connect();
  const Message& message = peer.finish(peer.request());
  ASSERT_EQ(message.status(), 200);
  for (const char* name :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "x-hop"})
    EXPECT_EQ(message.count(name), 0u) << name;
  // 8.2: names are in lower case.
  EXPECT_EQ(message.header("x-mixed-case"), "Yes");
  EXPECT_EQ(peer.violations(), "");
}

// 8.1: the trailers of a request arrive.
TEST_F(ServerTranslation, TrailersAreForwarded) {
  Http2Peer peer = connect();
  const uint32_t stream = peer.request(http2::post("/trailers"), false);
  peer.send(http2::data(stream, "body") +
            http2::headers(stream, hpack::block({{"x-trailer", "late"}}), kWhole));
  EXPECT_TRUE(peer.responds(stream, 200));
  EXPECT_THAT(peer.message(stream).body, HasSubstr("trailer x-trailer: late"));
}

// 8.1.1: a response to HEAD has a length and no content.
TEST_F(ServerTranslation, HeadHasNoContent) {
  Http2Peer peer = connect();
  Fields fields = http2::get(kLargePath);
  fields[0].value = "HEAD";
  const Message& message = peer.finish(peer.request(fields));
  EXPECT_EQ(message.status(), 200);
  EXPECT_EQ(message.header("content-length"), std::to_string(kLargeBytes));
  EXPECT_EQ(message.body, "");
  EXPECT_TRUE(message.ended);
}

// 8.1: an interim response is HEADERS without the end; the trailers of a response end it.
TEST_F(ServerTranslation, InterimResponsesAndTrailersOfTheOrigin) {
  Http2Peer peer = connect();
  const Message& interim = peer.finish(peer.request(http2::get(kInterimPath)));
  EXPECT_EQ(interim.status(), 200);
  ASSERT_EQ(interim.informational.size(), 1u);
  EXPECT_THAT(http2::textOf(interim.informational[0]), HasSubstr("link: </a>\n"));
  const Message& trailers =
      peer.finish(peer.request(http2::get(kTrailersPath, {{"te", "trailers"}})));
  EXPECT_EQ(trailers.body, "body");
  EXPECT_EQ(trailers.trailer("x-sum"), "42");
  EXPECT_TRUE(trailers.ended);
  EXPECT_EQ(peer.violations(), "");
}

// 8.1: a response without content ends with its head or an empty DATA frame.
TEST_F(ServerTranslation, AResponseWithoutContentEnds) {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 0}});
  const Message& message = peer.finish(peer.request(http2::get(kNoContentPath)));
  EXPECT_EQ(message.status(), 204);
  EXPECT_TRUE(message.ended);
  EXPECT_EQ(peer.violations(), "");
}

// 8.5: a tunnel carries DATA both ways and nothing else.
TEST_F(ServerTranslation, HeadersInATunnelAreAStreamError) {
  Http2Peer peer = connect();
  const uint32_t stream = peer.request({{":method", "CONNECT"}, {":authority", "a:443"}}, false);
  ASSERT_TRUE(peer.until(
      [&] { return peer.message(stream).status() != 0 || peer.message(stream).over(); }));
  ASSERT_EQ(peer.message(stream).status(), 200) << peer.whatCame();
  peer.send(http2::headers(stream, hpack::block({{"x-trailer", "1"}}), http2::kEndHeaders));
  EXPECT_TRUE(peer.streamError(stream, {kProtocolError, kConnectError, kInternalError}));
}

}  // namespace
}  // namespace weir::conformance
