import type { ImageFormat } from './request.ts';

/** A picture that is ours: stored and measured from its own bytes. */
export interface Image {
  readonly id: string;
  readonly taskId: string;
  readonly callId: string;
  /** Place among the task's images, from 0. */
  readonly index: number;
  /** Where its bytes are in the image store. */
  readonly key: string;
  readonly width: number;
  readonly height: number;
  readonly format: ImageFormat;
  readonly bytes: number;
  readonly createdAtMs: number;
}
