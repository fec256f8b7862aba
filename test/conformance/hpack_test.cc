// RFC 7541: what a decoder must refuse (always a connection error of type COMPRESSION_ERROR, RFC
// 9113, 4.3) and what it must take.

#include <string>
#include <vector>

#include "gmock/gmock.h"

#include "test/conformance/server_fixture.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using hpack::Literal;
using ::testing::HasSubstr;
using enum ErrorCode;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;

std::string request(const std::string& more, const std::string& before = {},
                    std::string_view path = kForbiddenPath) {
  return http2::headers(1, before + hpack::block(http2::get(path)) + more, kWhole);
}

std::string served(const std::string& more, const std::string& before = {}) {
  return request(more, before, "/");
}

Rule refused(const char* name, const std::string& bytes) {
  return {name, Before::kIdle, bytes, Outcome::kConnectionError, {kCompressionError}};
}

std::string octets(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

// A literal with an uncoded name "x" and a Huffman coded value of these octets.
std::string codedValue(const std::string& coded) {
  return octets({0x00, 0x01, 'x'}) + hpack::integer(coded.size(), 7, 0x80) + coded;
}

const Rule kRefused[] = {
    // 2.3.3, 6.1: indexes.
    refused("S6_1_IndexZero", request(hpack::indexed(0))),
    refused("S2_3_3_AnIndexBehindTheStaticTable", request(hpack::indexed(62))),
    refused("S2_3_3_AnIndexFarBehindTheTables", request(hpack::indexed(100'000))),
    refused("S2_3_3_ANameBehindTheTables", request(hpack::literalNamed(62, "v"))),
    refused("S2_3_3_ANameToBeIndexedBehindTheTables",
            request(hpack::literalNamed(62, "v", Literal::kIncremental))),
    refused("S2_3_3_ANameNeverIndexedBehindTheTables",
            request(hpack::literalNamed(62, "v", Literal::kNeverIndexed))),
    refused("S4_4_AnEvictedEntry",
            request(hpack::literal("x", "1", Literal::kIncremental) +
                    hpack::literal("y", std::string(4096, 'v'), Literal::kIncremental) +
                    hpack::indexed(62))),
    // 5.1: integers.
    refused("S5_1_AnIndexThatOverflows32Bits",
            request(octets({0xff, 0x80, 0x80, 0x80, 0x80, 0x10}))),
    refused("S5_1_AnIndexThatOverflows64Bits",
            request(octets({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}))),
    refused("S5_1_AnIntegerOfManyOctets", request("\xff" + std::string(100, '\x80') + '\0')),
    refused("S5_1_ALengthThatOverflows",
            request(octets({0x00, 0x01, 'x', 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}))),
    refused("S5_1_AnIntegerThatDoesNotEnd", request(octets({0xff, 0x80}))),
    // 5.2: strings.
    refused("S5_2_ANameLongerThanTheBlock", request(octets({0x00, 0x05, 'x'}))),
    refused("S5_2_AValueLongerThanTheBlock", request(octets({0x00, 0x01, 'x', 0x05, 'y'}))),
    refused("S5_2_NoValue", request(octets({0x00, 0x01, 'x'}))),
    refused("S5_2_NoName", request(octets({0x40}))),
    refused("S5_2_PaddingOfAWholeOctet", request(codedValue(octets({0x1f, 0xff})))),
    refused("S5_2_NothingButPadding", request(codedValue(octets({0xff})))),
    refused("S5_2_PaddingOfZeros", request(codedValue(octets({0x18})))),
    refused("S5_2_PaddingThatBeginsOtherwise", request(codedValue(octets({0x1e})))),
    refused("S5_2_TheEndOfStringSymbol", request(codedValue(octets({0xff, 0xff, 0xff, 0xff})))),
    refused("S5_2_TheEndOfStringSymbolBehindOthers",
            request(codedValue(octets({0x1f, 0xff, 0xff, 0xff, 0xff})))),
    refused("S5_2_ACodedNameWithWrongPadding", request(octets({0x00, 0x81, 0x18, 0x01, 'v'}))),
    // 4.2, 6.3: updates of the table's size.
    refused("S6_3_ATableLargerThanAllowed", request("", hpack::tableSize(1 << 20))),
    refused("S6_3_ATableOfAllSizes", request("", hpack::tableSize(0xffffffff))),
    refused("S4_2_AnUpdateBehindAField", request(hpack::tableSize(0))),
    refused("S4_2_AnUpdateBetweenFields", request(hpack::tableSize(0) + hpack::literal("x", "1"))),
    refused("S6_3_AnUpdateThatDoesNotEnd", http2::headers(1, octets({0x3f, 0x80}), kWhole)),
    // Wrong in the block of trailers, and in a piece of it.
    {"S4_3_TrailersAreDecodedToo",
     Before::kOpen,
     http2::headers(1, hpack::indexed(0), kWhole),
     Outcome::kConnectionError,
     {kCompressionError}},
    {"S4_3_ABlockIsWhatItsPiecesMakeTogether",
     Before::kIdle,
     http2::headers(1, hpack::block(http2::get(kForbiddenPath)), http2::kEndStream) +
         http2::continuation(1, octets({0x80})),
     Outcome::kConnectionError,
     {kCompressionError}},
};
INSTANTIATE_TEST_SUITE_P(Hpack, ServerRule, ::testing::ValuesIn(kRefused), ServerRule::nameOf);

const Rule kTaken[] = {
    {"S4_2_TwoUpdatesAtTheBeginning", Before::kIdle,
     served("", hpack::tableSize(0) + hpack::tableSize(4096)), Outcome::kServed},
    {"S4_2_ATableOfNothing", Before::kIdle,
     served(hpack::literal("x", "1", Literal::kIncremental), hpack::tableSize(0)),
     Outcome::kServed},
    {"S4_4_AnEntryLargerThanTheTableEmptiesIt", Before::kIdle,
     served(hpack::literal("x", std::string(5000, 'v'), Literal::kIncremental)), Outcome::kServed},
    {"S4_4_ANameOfTheEntryThatItEvicts", Before::kIdle,
     served(hpack::literal("x-name", "1", Literal::kIncremental) +
            hpack::literalNamed(62, std::string(4040, 'v'), Literal::kIncremental) +
            hpack::indexed(62)),
     Outcome::kServed},
    {"S2_3_2_TheSameEntryTwice", Before::kIdle,
     served(hpack::literal("x", "1", Literal::kIncremental) +
            hpack::literal("x", "1", Literal::kIncremental) + hpack::indexed(63)),
     Outcome::kServed},
    {"S5_1_AnIntegerWithLeadingZeros", Before::kIdle,
     served(octets({0x00, 0x01, 'x', 0x7f, 0x80, 0x80, 0x00}) + std::string(127, 'v')),
     Outcome::kServed},
    {"S5_2_CodedStringsOfNothing", Before::kIdle, served(octets({0x00, 0x01, 'x', 0x80})),
     Outcome::kServed},
};
INSTANTIATE_TEST_SUITE_P(HpackTaken, ServerRule, ::testing::ValuesIn(kTaken), ServerRule::nameOf);

// What was decoded, as the origin sees it.
class Hpack : public ServerTest {
 protected:
  void SetUp() override {
    if (!testsWeir()) GTEST_SKIP() << "an outside server tells nothing of what it decoded";
  }

  static std::string seen(Http2Peer& peer, const std::string& block) {
    const uint32_t stream = peer.nextStream();
    peer.skipStreams(stream + 2);
    peer.send(http2::headers(stream, block, kWhole));
    const Message& message = peer.finish(stream);
    EXPECT_EQ(message.status(), 200) << peer.whatCame();
    return message.body;
  }
  static std::string seen(const std::string& block) {
    Http2Peer peer = connect();
    return seen(peer, block);
  }
};

// Appendix A: each entry of the static table that a request may have.
TEST_F(Hpack, TheStaticTableIsRight) {
  for (size_t index = 15; index <= hpack::kStaticEntries; ++index) {
    const http2::Field entry = hpack::staticEntry(index);
    // They frame or route the message, or belong to a connection.
    if (entry.name == "content-length" || entry.name == "host" || entry.name == "expect" ||
        entry.name == "transfer-encoding" || entry.name == "max-forwards" ||
        entry.name.starts_with("proxy-"))
      continue;
    const std::string body =
        seen(hpack::block(http2::get()) + hpack::literalNamed(index, "value-of-this"));
    EXPECT_THAT(body, HasSubstr("\n" + entry.name + ": value-of-this\n"));
  }
  const std::string body = seen(hpack::indexed(3) + hpack::indexed(5) + hpack::indexed(6) +
                                hpack::literalNamed(1, "b") + hpack::indexed(16));
  EXPECT_THAT(body, ::testing::StartsWith("POST /index.html HTTP/1.1\n"));
  EXPECT_THAT(body, HasSubstr("\naccept-encoding: gzip, deflate\n"));
}

// 2.3.2: the newest entry has the lowest index; it lives through requests.
TEST_F(Hpack, TheDynamicTableIsFirstInFirstOut) {
  Http2Peer peer = connect();
  seen(peer, hpack::block(http2::get()) +
                 hpack::literal("x-first", "1", Literal::kIncremental, true) +
                 hpack::literal("x-second", "2", Literal::kIncremental));
  const std::string body = seen(peer, hpack::block(http2::get()) + hpack::indexed(63));
  EXPECT_THAT(body, HasSubstr("\nx-first: 1\n"));
  EXPECT_THAT(seen(peer, hpack::block(http2::get()) + hpack::literalNamed(62, "3")),
              HasSubstr("\nx-second: 3\n"));
}

// 4.3: a smaller table evicts at once.
TEST_F(Hpack, ASmallerTableEvicts) {
  Http2Peer peer = connect();
  seen(peer, hpack::block(http2::get()) + hpack::literal("x", "1", Literal::kIncremental));
  const uint32_t stream = peer.nextStream();
  peer.send(http2::headers(stream,
                           hpack::tableSize(0) + hpack::tableSize(4096) +
                               hpack::block(http2::get(kForbiddenPath)) + hpack::indexed(62),
                           kWhole));
  EXPECT_TRUE(peer.connectionError({kCompressionError}));
}

// 5.2, appendix B: every octet that a value may have, coded.
TEST_F(Hpack, EveryCodeIsRight) {
  for (int first = 0x20; first < 0x100; first += 16) {
    std::string value = "|";
    for (int byte = first; byte < first + 16; ++byte)
      if (byte != 0x7f) value.push_back(static_cast<char>(byte));
    value += "|";
    EXPECT_THAT(seen(hpack::block(http2::get()) +
                     hpack::literal("x-octets", value, Literal::kWithoutIndexing, true)),
                HasSubstr("\nx-octets: " + value + "\n"));
  }
}

// 6.2: three ways to write a literal, with and without a name from the table, coded or not.
TEST_F(Hpack, EveryKindOfLiteralIsRead) {
  for (const Literal how :
       {Literal::kIncremental, Literal::kWithoutIndexing, Literal::kNeverIndexed}) {
    for (const bool coded : {false, true}) {
      const std::string body =
          seen(hpack::block(http2::get()) + hpack::literal("x-new-name", "one", how, coded) +
               hpack::literalNamed(19, "two", how, coded));
      EXPECT_THAT(body, HasSubstr("\nx-new-name: one\n"));
      EXPECT_THAT(body, HasSubstr("\naccept: two\n"));
    }
  }
}

}  // namespace
}  // namespace weir::conformance
