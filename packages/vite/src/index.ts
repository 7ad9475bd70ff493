// The public interface of the package.
export {};
