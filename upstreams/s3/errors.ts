import { textReply } from '../reply.ts';
import type { Reply } from '../reply.ts';

/** A refusal in S3's own words. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** Elements beside `Code` and `Message`, such as the region that was expected. */
  readonly details: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message = code, details: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** What a scripted fault of this name says. */
export const SCRIPTED: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  slow_down: [503, 'SlowDown', 'Please reduce your request rate.'],
  internal_error: [500, 'InternalError', 'We encountered an internal error. Please try again.'],
  access_denied: [403, 'AccessDenied', 'Access Denied'],
  no_such_bucket: [404, 'NoSuchBucket', 'The specified bucket does not exist'],
};

/** The answer that tells of the refusal. */
export function refusalReply(refusal: S3Refusal, requestId: string): Reply {
  const details = Object.entries(refusal.details).map(([name, text]) => element(name, text));
  const xml = [
    element('Code', refusal.code),
    element('Message', refusal.message),
    ...details,
    element('RequestId', requestId),
  ].join('');
  return xmlReply(refusal.status, `<Error>${xml}</Error>`);
}

/** An XML body. */
export function xmlReply(status: number, xml: string): Reply {
  return textReply(status, 'application/xml', `<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
}

/** An element with a text. */
export function element(name: string, text: string): string {
  return `<${name}>${text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)}</${name}>`;
}
