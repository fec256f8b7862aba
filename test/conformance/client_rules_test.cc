// What Weir makes of an HTTP/2 origin's answers: RFC 9113, sections 4 to 8, and RFC 7541, with the
// roles exchanged.

#include <string>

#include "test/conformance/client_fixture.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using http2::Field;
using enum ErrorCode;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;

const std::string kOkBlock = hpack::block({{":status", "200"}});
const std::string kOkHead = http2::headers(1, kOkBlock);
const std::string kOk = http2::headers(1, kOkBlock, kWhole);

std::string head(const Fields& fields, uint8_t flags = kWhole) {
  return http2::headers(1, hpack::block(fields), flags);
}

std::string with(const Field& field) {
  return head({{":status", "200"}, field});
}

AnswerRule malformed(const char* name, const std::string& bytes) {
  return {name, bytes, Answer::kRefused, Reaction::kStreamError, {kProtocolError}};
}

AnswerRule fatal(const char* name, const std::string& bytes,
                 std::vector<ErrorCode> codes = {kProtocolError}) {
  return {name, bytes, Answer::kRefused, Reaction::kConnectionError, std::move(codes)};
}

AnswerRule delivered(const char* name, const std::string& bytes) {
  return {name, bytes, Answer::kDelivered, Reaction::kNone};
}

std::string withFlags(std::string frame, uint8_t flags) {
  frame[4] = static_cast<char>(frame[4] | flags);
  return frame;
}

std::string withReservedBit(std::string frame) {
  frame[5] = static_cast<char>(frame[5] | 0x80);
  return frame;
}

constexpr auto kUnknownType = static_cast<FrameType>(0xbb);

const AnswerRule kFrames[] = {
    delivered("S4_1_UnknownTypesAreIgnored", http2::frame(kUnknownType, 0xff, 0, "x") +
                                                 http2::frame(kUnknownType, 0xff, 1, "x") +
                                                 http2::frame(kUnknownType, 0xff, 99, "x") + kOk),
    delivered("S4_1_UnusedFlagsAreIgnored",
              withFlags(kOkHead, 0xd2) + withFlags(http2::data(1, "x"), 0xf6) +
                  withFlags(http2::windowUpdate(0, 1), 0xff) +
                  withFlags(http2::data(1, "", http2::kEndStream), 0xf6)),
    delivered("S4_1_TheReservedBitIsIgnored",
              withReservedBit(kOkHead) + withReservedBit(http2::windowUpdate(0, 1)) +
                  withReservedBit(http2::data(1, "x", http2::kEndStream))),
    delivered(
        "S4_2_DataOf16384OctetsIsTaken",
        kOkHead + http2::data(1, std::string(http2::kMinMaxFrameSize, 'x'), http2::kEndStream)),
    delivered("S4_3_AFieldBlockInPieces",
              http2::headers(1, kOkBlock.substr(0, 3), http2::kEndStream) +
                  http2::continuation(1, kOkBlock.substr(3), 0) + http2::continuation(1, "")),
    fatal("S4_3_PingWithinAFieldBlock", http2::headers(1, kOkBlock, http2::kEndStream) +
                                            http2::ping("12345678") + http2::continuation(1, "")),
    fatal("S5_5_AnUnknownFrameWithinAFieldBlock", http2::headers(1, kOkBlock, http2::kEndStream) +
                                                      http2::frame(kUnknownType, 0, 1, "x") +
                                                      http2::continuation(1, "")),
    fatal("S5_1_HeadersOnAnIdleStream", http2::headers(3, kOkBlock, kWhole)),
    fatal("S5_1_DataOnAnIdleStream", http2::data(3, "x")),
    fatal("S5_1_RstStreamOnAnIdleStream", http2::rstStream(3, kCancel)),
    fatal("S5_1_WindowUpdateOnAnIdleStream", http2::windowUpdate(3, 1)),
    fatal("S5_1_1_HeadersOnAStreamOfTheServer", http2::headers(2, kOkBlock, kWhole)),
    delivered(
        "S5_1_PriorityIsTakenInAnyState",
        http2::priority(1, 0, 16) + http2::priority(99, 1, 16) + kOk + http2::priority(1, 0, 16)),
    delivered("S5_1_WindowUpdateOnAClosedStreamIsNoError", kOk + http2::windowUpdate(1, 1)),
    delivered("S5_1_RstStreamOnAClosedStreamIsNoError", kOk + http2::rstStream(1, kNoError)),
    fatal("S6_1_DataOnStreamZero", http2::data(0, "x")),
    delivered("S6_1_PaddedDataIsTaken", kOkHead + http2::data(1, http2::paddedPayload("x", 99),
                                                              http2::kEndStream | http2::kPadded)),
    fatal("S6_1_PaddingLongerThanTheFrame",
          kOkHead + http2::data(1, "\x09 1234567", http2::kPadded)),
    {"S8_1_DataBeforeTheHead",
     http2::data(1, "x"),
     Answer::kRefused,
     Reaction::kStreamError,
     {kProtocolError, kStreamClosed}},
    fatal("S6_2_HeadersOnStreamZero", http2::headers(0, kOkBlock, kWhole)),
    delivered("S6_2_PaddedHeadersAreTaken",
              http2::headers(1, http2::paddedPayload(kOkBlock, 77), kWhole | http2::kPadded)),
    delivered("S6_2_HeadersWithPriorityAreTaken",
              http2::headers(1, http2::bigEndian(0, 4) + "\x10" + kOkBlock,
                             kWhole | http2::kPriorityFlag)),
    fatal("S6_2_PaddingLongerThanTheFrameOfHeaders",
          http2::headers(1, "\xff" + kOkBlock, kWhole | http2::kPadded)),
    fatal("S6_3_PriorityOnStreamZero", http2::priority(0, 0, 16)),
    fatal("S6_4_RstStreamOnStreamZero", http2::rstStream(0, kCancel)),
    fatal("S6_4_RstStreamOfAnotherSize", http2::frame(FrameType::kRstStream, 0, 1, "123"),
          {kFrameSizeError}),
    fatal("S6_5_SettingsOnAStream", http2::frame(FrameType::kSettings, 0, 1, "")),
    fatal("S6_5_SettingsOfAnotherSize", http2::frame(FrameType::kSettings, 0, 0, "1234567"),
          {kFrameSizeError}),
    fatal("S6_5_AnAcknowledgementWithContent",
          http2::frame(FrameType::kSettings, http2::kAck, 0, "123456"), {kFrameSizeError}),
    fatal("S6_5_2_AServerThatEnablesPush", http2::settings({{Setting::kEnablePush, 1}})),
    fatal("S6_5_2_EnablePushAboveOne", http2::settings({{Setting::kEnablePush, 2}})),
    fatal("S6_5_2_AnInitialWindowTooLarge",
          http2::settings({{Setting::kInitialWindowSize, 0x80000000}}), {kFlowControlError}),
    fatal("S6_5_2_AFrameSizeTooSmall",
          http2::settings({{Setting::kMaxFrameSize, http2::kMinMaxFrameSize - 1}})),
    fatal("S6_5_2_AFrameSizeTooLarge",
          http2::settings({{Setting::kMaxFrameSize, http2::kMaxMaxFrameSize + 1}})),
    fatal("Rfc8441_3_ConnectProtocolAboveOne",
          http2::settings({{Setting::kEnableConnectProtocol, 2}})),
    fatal("S6_6_PushPromiseThoughPushIsOff",
          http2::pushPromise(1, 2, hpack::block(http2::get("/pushed"))) + kOk),
    fatal("S6_6_PushPromiseOnStreamZero",
          http2::pushPromise(0, 2, hpack::block(http2::get("/pushed")))),
    fatal("S6_7_PingOnAStream", http2::frame(FrameType::kPing, 0, 1, "12345678")),
    fatal("S6_7_PingOfAnotherSize", http2::frame(FrameType::kPing, 0, 0, "1234567"),
          {kFrameSizeError}),
    fatal("S6_8_GoawayOnAStream", http2::frame(FrameType::kGoaway, 0, 1, std::string(8, '\0'))),
    {"S6_9_AnIncrementOfZeroOnAStream",
     http2::windowUpdate(1, 0),
     Answer::kRefused,
     Reaction::kStreamError,
     {kProtocolError}},
    fatal("S6_9_AnIncrementOfZeroOnTheConnection", http2::windowUpdate(0, 0)),
    fatal("S6_9_WindowUpdateOfAnotherSize", http2::frame(FrameType::kWindowUpdate, 0, 0, "12345"),
          {kFrameSizeError}),
    fatal("S6_9_1_TheConnectionsWindowOverflows", http2::windowUpdate(0, http2::kMaxWindow),
          {kFlowControlError}),
    fatal("S6_10_ContinuationOfNothing", http2::continuation(1, kOkBlock)),
    fatal("S6_10_ContinuationOfAnotherStream",
          http2::headers(1, "", http2::kEndStream) + http2::continuation(3, kOkBlock)),
};
INSTANTIATE_TEST_SUITE_P(Frames, ClientRule, ::testing::ValuesIn(kFrames), ClientRule::nameOf);

const AnswerRule kHpack[] = {
    fatal("S6_1_IndexZero", http2::headers(1, hpack::indexed(0), kWhole), {kCompressionError}),
    fatal("S2_3_3_AnIndexBehindTheTables", http2::headers(1, hpack::indexed(100), kWhole),
          {kCompressionError}),
    fatal("S6_3_ATableLargerThanAllowed",
          http2::headers(1, hpack::tableSize(1 << 22) + kOkBlock, kWhole), {kCompressionError}),
    fatal("S4_2_AnUpdateBehindAField", http2::headers(1, kOkBlock + hpack::tableSize(0), kWhole),
          {kCompressionError}),
    fatal("S5_2_ATruncatedString", http2::headers(1, kOkBlock.substr(0, 10), kWhole),
          {kCompressionError}),
    fatal("S5_2_WrongPaddingOfACode",
          http2::headers(1, kOkBlock + std::string("\0\1x\x81\x18", 5), kWhole),
          {kCompressionError}),
    fatal("S5_1_AnIntegerThatOverflows",
          http2::headers(1, kOkBlock + "\xff\xff\xff\xff\xff\xff\xff\x7f", kWhole),
          {kCompressionError}),
    delivered("S6_1_IndexedFields", http2::headers(1, hpack::indexed(8), kWhole)),
};
INSTANTIATE_TEST_SUITE_P(Hpack, ClientRule, ::testing::ValuesIn(kHpack), ClientRule::nameOf);

const AnswerRule kMessages[] = {
    delivered("S8_1_AHeadAlone", kOk),
    delivered("S8_1_HeadBodyAndTrailers",
              kOkHead + http2::data(1, "body") + head({{"x-trailer", "1"}})),
    delivered("S8_1_InterimResponses",
              head({{":status", "100"}}, http2::kEndHeaders) +
                  head({{":status", "103"}, {"link", "</a>"}}, http2::kEndHeaders) + kOk),
    malformed("S8_1_AnInterimResponseThatEndsTheStream", head({{":status", "103"}})),
    malformed("S8_1_ContentBehindAnInterimResponse",
              head({{":status", "103"}}, http2::kEndHeaders) + http2::data(1, "x") + kOk),
    malformed("S8_6_SwitchingProtocols", head({{":status", "101"}}, http2::kEndHeaders) + kOk),
    malformed("S8_1_ASecondHead", kOkHead + http2::data(1, "x") + kOkHead),
    malformed("S8_1_TrailersWithoutTheEnd",
              kOkHead + http2::data(1, "x") + head({{"x-trailer", "1"}}, http2::kEndHeaders)),
    malformed("S8_1_PseudoHeaderFieldsInTrailers",
              kOkHead + http2::data(1, "x") + head({{":status", "200"}})),
    malformed("S8_2_UpperCaseInTrailers",
              kOkHead + http2::data(1, "x") + head({{"X-Trailer", "1"}})),
    malformed("S8_1_1_LessContentThanItsLength",
              head({{":status", "200"}, {"content-length", "5"}}, http2::kEndHeaders) +
                  http2::data(1, "four", http2::kEndStream)),
    malformed("S8_1_1_MoreContentThanItsLength",
              head({{":status", "200"}, {"content-length", "3"}}, http2::kEndHeaders) +
                  http2::data(1, "four", http2::kEndStream)),
    malformed("S8_1_1_NoContentThoughTheLengthIsNot",
              head({{":status", "200"}, {"content-length", "3"}})),
    malformed("S8_1_1_TwoLengths",
              head({{":status", "200"}, {"content-length", "0"}, {"content-length", "1"}})),
    malformed("S8_1_1_ALengthThatIsNoNumber", with({"content-length", "-0"})),
    malformed("S8_2_UpperCaseInAName", with({"X-Upper", "1"})),
    malformed("S8_2_1_AnEmptyName", with({"", "1"})),
    malformed("S8_2_1_ASpaceInAName", with({"x y", "1"})),
    malformed("S8_2_1_ALineFeedInAName", with({"x\ny", "1"})),
    malformed("S8_2_1_AColonInAName", with({"x:y", "1"})),
    malformed("S8_2_1_AHighOctetInAName", with({"x\xe4", "1"})),
    malformed("S8_2_1_ANulInAValue", with({"x", std::string("a\0b", 3)})),
    malformed("S8_2_1_ALineFeedInAValue", with({"x", "a\nset-cookie: b"})),
    malformed("S8_2_1_ACarriageReturnInAValue", with({"x", "a\rb"})),
    malformed("S8_2_1_ASpaceBeforeAValue", with({"x", " a"})),
    malformed("S8_2_1_ATabBehindAValue", with({"x", "a\t"})),
    malformed("S8_2_2_Connection", with({"connection", "close"})),
    malformed("S8_2_2_KeepAlive", with({"keep-alive", "timeout=5"})),
    malformed("S8_2_2_ProxyConnection", with({"proxy-connection", "close"})),
    malformed("S8_2_2_TransferEncoding", with({"transfer-encoding", "chunked"})),
    malformed("S8_2_2_Upgrade", with({"upgrade", "h2c"})),
    malformed("S8_3_AnUnknownPseudoHeaderField", head({{":status", "200"}, {":unknown", "1"}})),
    malformed("S8_3_MethodInAResponse", head({{":status", "200"}, {":method", "GET"}})),
    malformed("S8_3_PathInAResponse", head({{":status", "200"}, {":path", "/"}})),
    malformed("S8_3_StatusTwice", head({{":status", "200"}, {":status", "200"}})),
    malformed("S8_3_StatusBehindARegularField", head({{"x", "1"}, {":status", "200"}})),
    malformed("S8_3_2_NoStatus", head({{"x", "1"}})),
    malformed("S8_3_2_NoFieldAtAll", http2::headers(1, "", kWhole)),
    malformed("S8_3_2_AStatusOfTwoDigits", head({{":status", "20"}})),
    malformed("S8_3_2_AStatusOfFourDigits", head({{":status", "2000"}})),
    malformed("S8_3_2_AStatusThatIsNoNumber", head({{":status", "2x0"}})),
    malformed("S8_3_2_AnEmptyStatus", head({{":status", ""}})),
};
INSTANTIATE_TEST_SUITE_P(Messages, ClientRule, ::testing::ValuesIn(kMessages), ClientRule::nameOf);

}  // namespace
}  // namespace weir::conformance
