#include "source/grpc/metadata.h"

#include "gtest/gtest.h"

namespace weir::grpc {
namespace {

struct Head {
  base::Arena arena;
  http::HeaderMap fields{arena};
};

TEST(MetadataTest, TravelsThereAndBack) {
  const Metadata sent = {{"x-one", "a b"},
                         {"x-one", "second"},
                         {"raw-bin", std::string("\0\xff\n,", 4)},
                         {"empty-bin", ""},
                         {"empty", ""}};
  ASSERT_TRUE(checkMetadata(sent).ok());
  Head head;
  writeMetadata(sent, head.fields);
  EXPECT_EQ(head.fields.get("raw-bin"), "AP8KLA") << "no padding is sent";
  Metadata received;
  ASSERT_TRUE(readMetadata(head.fields, received));
  EXPECT_EQ(received, sent);
  EXPECT_EQ(valueOf(received, "x-one"), "a b");
  EXPECT_EQ(valueOf(received, "absent"), "");
}

TEST(MetadataTest, LosesSpacesAtTheEnds) {
  Head head;
  writeMetadata({{"x", "  a  "}}, head.fields);
  EXPECT_EQ(head.fields.get("x"), "a");
}

TEST(MetadataTest, TakesPaddingAndListsOfBytes) {
  Head head;
  head.fields.add("a-bin", "AA==, AQ==,Ag");
  Metadata received;
  ASSERT_TRUE(readMetadata(head.fields, received));
  const Metadata expected = {{"a-bin", std::string(1, '\0')}, {"a-bin", "\x01"}, {"a-bin", "\x02"}};
  EXPECT_EQ(received, expected);
}

TEST(MetadataTest, TellsBytesThatAreNoBase64) {
  Head head;
  head.fields.add("a-bin", "***");
  head.fields.add("b", "fine");
  Metadata received;
  EXPECT_FALSE(readMetadata(head.fields, received));
  EXPECT_EQ(valueOf(received, "b"), "fine");
}

TEST(MetadataTest, LeavesOutWhatBelongsToTheProtocol) {
  Head head;
  for (const char* name : {"content-type", "grpc-status", "grpc-encoding", "date", "te"}) {
    head.fields.add(name, "x");
  }
  head.fields.add("x-kept", "x");
  Metadata received;
  ASSERT_TRUE(readMetadata(head.fields, received));
  EXPECT_EQ(received, (Metadata{{"x-kept", "x"}}));
}

TEST(MetadataTest, RefusesWhatCannotBeSent) {
  const auto problem = [](std::string name, std::string value) {
    const Status status = checkMetadata({{std::move(name), std::move(value)}});
    EXPECT_EQ(status.code, status.ok() ? Code::kOk : Code::kInternal);
    return status.message;
  };
  EXPECT_EQ(problem("x-a_b.9", "printable ~"), "");
  EXPECT_NE(problem("", "v").find("metadata name \"\""), std::string::npos);
  EXPECT_NE(problem("Upper", "v").find("\"Upper\" has other than lower-case"), std::string::npos);
  EXPECT_NE(problem(":path", "v").find(":path"), std::string::npos);
  EXPECT_NE(problem("a\r\nb", "v").find("a\\r\\nb"), std::string::npos);
  EXPECT_NE(problem("grpc-timeout", "1S").find("belongs to the protocol"), std::string::npos);
  EXPECT_NE(problem("host", "v").find("belongs to the protocol"), std::string::npos);
  EXPECT_NE(problem("x", "a\nb").find("not printable ASCII"), std::string::npos);
  EXPECT_NE(problem("x", "\xc3\xa4").find("-bin"), std::string::npos);
}

TEST(ReadStatusTest, TakesCodeMessageAndDetails) {
  Head head;
  head.fields.add("grpc-status", "5");
  head.fields.add("grpc-message", "no such%20thing%3A %C3%A4");
  head.fields.add("grpc-status-details-bin", "AQID");
  const Status status = readStatus(head.fields);
  EXPECT_EQ(status.code, Code::kNotFound);
  EXPECT_EQ(status.message, "no such thing: \xc3\xa4");
  EXPECT_EQ(status.details, "\x01\x02\x03");
  EXPECT_EQ(status.toString(), "NOT_FOUND: no such thing: \xc3\xa4");
}

TEST(ReadStatusTest, IsUnknownWithoutANumber) {
  Head none;
  EXPECT_EQ(readStatus(none.fields).toString(),
            "UNKNOWN: the server ended the call without grpc-status");
  Head odd;
  odd.fields.add("grpc-status", "fine");
  EXPECT_EQ(readStatus(odd.fields).toString(), "UNKNOWN: the server's grpc-status is not a number");
  Head strange;
  strange.fields.add("grpc-status", "99");
  EXPECT_EQ(readStatus(strange.fields).code, Code::kUnknown);
  Head ok;
  ok.fields.add("grpc-status", "0");
  ok.fields.add("grpc-status-details-bin", "%%%");
  EXPECT_TRUE(readStatus(ok.fields).ok());
  EXPECT_EQ(readStatus(ok.fields).toString(), "OK");
}

}  // namespace
}  // namespace weir::grpc
