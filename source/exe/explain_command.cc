#include "source/exe/explain_command.h"

#include "source/base/concat.h"

namespace weir::exe {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The words of all operands.
std::vector<std::string> wordsOf(const std::vector<std::string>& operands) {
  std::vector<std::string> words;
  for (std::string_view rest : operands) {
    while (!(rest = trimmed(rest)).empty()) {
      const size_t end = rest.find(' ');
      words.emplace_back(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    }
  }
  return words;
}

}  // namespace

std::vector<Option> explainOptions() {
  return {
      {"config", 'c', "FILE", "The configuration, in protobuf text format.", true},
      {"header", 'H', "FIELD", "A header of the request: \"name: value\"; several times.", false,
       true},
      {"listener", 0, "NAME", "The listener that it comes to; else that of the URL's port."},
      {"source", 0, "ADDRESS", "The client's address; else 127.0.0.1."},
      {"sni", 0, "NAME", "The server name of the TLS handshake; else the URL's host."},
      {"client-cert-subject", 0, "NAME", "Subject of the client's certificate: \"CN=web\"."},
      {"client-cert-dns", 0, "NAME", "A DNS name in it; several times.", false, true},
      {"client-cert-uri", 0, "URI", "A URI in it, such as a SPIFFE ID; several times.", false,
       true},
      {"client-cert-unverified", 0, "", "The certificate was not verified."},
      {"json", 0, "", "One JSON object instead of text."},
  };
}

std::optional<explain::Question> questionOf(const Arguments& arguments, std::string& error) {
  explain::Question question;
  const std::vector<std::string> words = wordsOf(arguments.operands);
  if (words.empty() || words.size() > 2) {
    error = "which request? write weir explain -c FILE 'METHOD URL'";
    return std::nullopt;
  }
  if (words.size() == 2) question.method = words.front();
  question.url = words.back();
  for (const std::string& field : arguments.all("header")) {
    const size_t colon = field.find(':', 1);
    if (field.empty() || colon == std::string::npos) {
      error = base::concat("\"", field, "\" is not a header; write -H 'name: value'");
      return std::nullopt;
    }
    question.headers.emplace_back(trimmed(std::string_view(field).substr(0, colon)),
                                  trimmed(std::string_view(field).substr(colon + 1)));
  }
  question.listener = arguments.get("listener");
  question.source = arguments.get("source");
  question.server_name = arguments.get("sni");
  const bool shown = arguments.has("client-cert-subject") || arguments.has("client-cert-dns") ||
                     arguments.has("client-cert-uri");
  if (shown) {
    question.certificate = {.subject = arguments.get("client-cert-subject"),
                            .dns_names = arguments.all("client-cert-dns"),
                            .uris = arguments.all("client-cert-uri"),
                            .verified = !arguments.has("client-cert-unverified")};
  } else if (arguments.has("client-cert-unverified")) {
    error = "--client-cert-unverified says nothing without --client-cert-subject, -dns or -uri";
    return std::nullopt;
  }
  return question;
}

}  // namespace weir::exe
