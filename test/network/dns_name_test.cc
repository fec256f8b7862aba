#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/network/dns_resolver.h"

namespace weir::network {
namespace {

using ::testing::HasSubstr;

TEST(HostName, NamesThatCanBeAskedFor) {
  for (const char* name :
       {"web", "web.example.com", "web.example.com.", "a.b", "xn--bcher-kva.example", "my_db_1",
        "3com.com", "1.2.3.4a", "WEB.Example", "localhost", "_dmarc.example.com"}) {
    EXPECT_TRUE(checkHostName(name).ok()) << name;
  }
  EXPECT_TRUE(checkHostName(std::string(63, 'a') + ".example").ok());
}

TEST(HostName, NamesThatCannot) {
  struct Case {
    std::string name;
    const char* what;
  };
  std::string long_name;
  for (int i = 0; i < 43; ++i) long_name += "label.";
  for (const Case& each : {
           Case{"", "it is empty"},
           Case{".", "it is empty"},
           Case{"a..b", "a label is empty"},
           Case{".a", "a label is empty"},
           Case{"a..", "a label is empty"},
           Case{std::string(64, 'a') + ".example", "a label has 64 characters"},
           Case{long_name + "com", "it has 261 characters"},
           Case{"we b", "a character that names cannot have"},
           Case{"we\nb", "a character that names cannot have"},
           Case{std::string("a\0b", 3), "a character that names cannot have"},
           Case{"b\xc3\xbc"
                "cher.example",
                "xn--"},
           Case{"a/b", "'/' is in it"},
           Case{"*.example.com", "'*' is in it"},
           Case{"-a.example", "begins or ends with '-'"},
           Case{"a-.example", "begins or ends with '-'"},
           Case{"10.0.0.256", "its last label is a number"},
           Case{"10", "its last label is a number"},
       }) {
    const absl::Status status = checkHostName(each.name);
    EXPECT_THAT(std::string(status.message()), HasSubstr(each.what)) << each.name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("; ")) << each.name;
  }
}

TEST(ServiceName, BeginsWithServiceAndProtocol) {
  EXPECT_TRUE(checkServiceName("_http._tcp.example.com").ok());
  EXPECT_TRUE(checkServiceName("_grpc-web._tcp.web.svc.cluster.local.").ok());
  for (const char* name : {"", "web.example.com", "_http.example.com", "_http._tcp", "_._tcp.a",
                           "_http._.a", "http._tcp.example.com", "_http._tcp.", "_http"}) {
    EXPECT_FALSE(checkServiceName(name).ok()) << name;
  }
  EXPECT_THAT(std::string(checkServiceName("web.example.com").message()),
              HasSubstr("_http._tcp.example.com"));
}

}  // namespace
}  // namespace weir::network
