/* SPDX-License-Identifier: Apache-2.0 */
/* The dates of certificates; see tls_time.h. */
#include "workers/tls_time.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define S_PER_DAY 86400

/* Made once, never changed after it. */
static ASN1_TIME *epoch;

int
tls_time_init(void)
{
	epoch = ASN1_TIME_set(NULL, 0);
	return epoch != NULL ? 0 : -ENOMEM;
}

int64_t
tls_time_earliest_end(const struct stack_st_X509 *certificates)
{
	int64_t earliest_s = 0, unix_s;
	int days, seconds;

	for (int i = 0; i < sk_X509_num(certificates); i++) {
		if (!ASN1_TIME_diff(&days, &seconds, epoch,
			    X509_get0_notAfter(sk_X509_value(certificates, i))))
			continue; /* unreadable: verification says so */
		unix_s = (int64_t)days * S_PER_DAY + seconds;
		if (earliest_s == 0 || unix_s < earliest_s)
			earliest_s = unix_s;
	}
	return earliest_s;
}

void
tls_time_format(const ASN1_TIME *time, char *ret_text, size_t cap_bytes)
{
	struct tm tm;

	ret_text[0] = '\0';
	if (ASN1_TIME_to_tm(time, &tm))
		snprintf(ret_text, cap_bytes, "%04d-%02d-%02dT%02d:%02d:%02dZ",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			tm.tm_hour, tm.tm_min, tm.tm_sec);
}
