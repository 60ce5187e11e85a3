#pragma once
#include <curl/curl.h>

// libcurl's option functions are variadic, which Swift cannot call. The parentheses keep the macros of the same names,
// which check constant options only, from being expanded.

static inline CURLcode curl_set_number(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode curl_set_receiver(CURL *handle, CURLoption option, curl_write_callback callback) {
    return (curl_easy_setopt)(handle, option, callback);
}

static inline CURLcode curl_set_prerequest(CURL *handle, curl_prereq_callback callback) {
    return (curl_easy_setopt)(handle, CURLOPT_PREREQFUNCTION, callback);
}

static inline CURLcode curl_set_socket_setup(CURL *handle, curl_sockopt_callback callback) {
    return (curl_easy_setopt)(handle, CURLOPT_SOCKOPTFUNCTION, callback);
}

static inline CURLcode curl_get_number(CURL *handle, CURLINFO info, long *value) {
    return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLMcode curl_multi_set_number(CURLM *handle, CURLMoption option, long value) {
    return (curl_multi_setopt)(handle, option, value);
}
