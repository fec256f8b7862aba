// The tests' own HPACK against the examples of RFC 7541, appendix C, and against damage.

#include "test/support/http2_hpack.h"

#include <string>

#include "gtest/gtest.h"

namespace weir::test::http2 {
namespace {

std::string fromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

TEST(HpackInteger, IsWrittenAsInC1) {
  EXPECT_EQ(hpack::integer(10, 5), fromHex("0a"));
  EXPECT_EQ(hpack::integer(1337, 5), fromHex("1f9a0a"));
  EXPECT_EQ(hpack::integer(42, 8), fromHex("2a"));
}

TEST(HpackHuffman, IsWrittenAsInC4) {
  EXPECT_EQ(hpack::huffman("www.example.com"), fromHex("f1e3c2e5f23a6ba0ab90f4ff"));
  EXPECT_EQ(hpack::huffman("no-cache"), fromHex("a8eb10649cbf"));
  EXPECT_EQ(hpack::huffman("custom-value"), fromHex("25a849e95bb8e8b4bf"));
}

TEST(HpackHuffman, EveryByteComesBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(hpack::huffmanDecoded(hpack::huffman(all)), all);
  for (const char byte : all) {
    const std::string one(1, byte);
    EXPECT_EQ(hpack::huffmanDecoded(hpack::huffman(one)), one);
  }
}

TEST(HpackHuffman, WrongPaddingAndTheEndOfStringAreRefused) {
  EXPECT_EQ(hpack::huffmanDecoded(fromHex("ffffffff")), std::nullopt);
  EXPECT_EQ(hpack::huffmanDecoded(fromHex("18")), std::nullopt);    // "a" and zeros
  EXPECT_EQ(hpack::huffmanDecoded(fromHex("1fff")), std::nullopt);  // "a" and a whole octet
  EXPECT_EQ(hpack::huffmanDecoded(fromHex("1f")), "a");
}

// C.4: three requests of one connection.
TEST(HpackDecoder, ReadsTheRequestsOfC4) {
  HpackDecoder decoder;
  EXPECT_EQ(decoder.decode(fromHex("828684418cf1e3c2e5f23a6ba0ab90f4ff")),
            (Fields{{":method", "GET"},
                    {":scheme", "http"},
                    {":path", "/"},
                    {":authority", "www.example.com"}}));
  EXPECT_EQ(decoder.tableBytes(), 57u);
  EXPECT_EQ(decoder.decode(fromHex("828684be5886a8eb10649cbf")),
            (Fields{{":method", "GET"},
                    {":scheme", "http"},
                    {":path", "/"},
                    {":authority", "www.example.com"},
                    {"cache-control", "no-cache"}}));
  EXPECT_EQ(decoder.tableBytes(), 110u);
  EXPECT_EQ(decoder.decode(fromHex("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")),
            (Fields{{":method", "GET"},
                    {":scheme", "https"},
                    {":path", "/index.html"},
                    {":authority", "www.example.com"},
                    {"custom-key", "custom-value"}}));
  EXPECT_EQ(decoder.tableBytes(), 164u);
}

// C.5: with a table of 256 octets, so that entries are evicted.
TEST(HpackDecoder, EvictsAsInC5) {
  HpackDecoder decoder;
  decoder.setLimit(256);
  const std::string first =
      "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e"
      "1768747470733a2f2f7777772e6578616d706c652e636f6d";
  EXPECT_EQ(decoder.decode(fromHex(first)), std::nullopt) << "an update of the size is due";
  ASSERT_TRUE(decoder.decode(hpack::tableSize(256) + fromHex(first)));
  EXPECT_EQ(decoder.tableBytes(), 222u);
  const auto second = decoder.decode(fromHex("4803333037c1c0bf"));
  ASSERT_TRUE(second) << decoder.why();
  EXPECT_EQ(second->front(), (Field{":status", "307"}));
  EXPECT_EQ(second->back(), (Field{"location", "https://www.example.com"}));
  EXPECT_EQ(decoder.tableBytes(), 222u);
}

TEST(HpackDecoder, DamageIsRefused) {
  const std::string blocks[] = {
      hpack::indexed(0),
      hpack::indexed(62),
      hpack::literalNamed(62, "v"),
      hpack::literal("n", "v").substr(0, 3),
      hpack::indexed(2) + hpack::tableSize(0),
      hpack::tableSize(4097),
      fromHex("ffffffffffffff01"),
      std::string(1, 0x40),
  };
  for (const std::string& block : blocks) {
    HpackDecoder decoder;
    EXPECT_EQ(decoder.decode(block), std::nullopt);
    EXPECT_NE(decoder.why(), "");
  }
}

TEST(HpackEncoder, WhatItWritesIsReadBack) {
  HpackDecoder decoder;
  const std::string block =
      hpack::literal("a", "1", hpack::Literal::kIncremental, true) +
      hpack::literal("b", "2", hpack::Literal::kNeverIndexed) + hpack::indexed(62) +
      hpack::literalNamed(62, "3", hpack::Literal::kWithoutIndexing, true) + hpack::indexed(8);
  const auto fields = decoder.decode(block);
  EXPECT_EQ(fields, (Fields{{"a", "1"}, {"b", "2"}, {"a", "1"}, {"a", "3"}, {":status", "200"}}));
  EXPECT_TRUE(fields->at(1).never_indexed);
  EXPECT_FALSE(fields->at(3).never_indexed);
}

}  // namespace
}  // namespace weir::test::http2
